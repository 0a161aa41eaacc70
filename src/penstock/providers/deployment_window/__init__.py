"""The DeploymentWindow rule: lets pass while a window of time is open."""
