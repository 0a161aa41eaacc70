"""Until the console is built: one plain page of the root account's pipelines and their stages."""

from html import escape

from penstock.operations.call import Call, Environment
from penstock.operations.executions import get_pipeline_state
from penstock.operations.pipelines import list_pipelines
from penstock.ports.identity import Principal
from penstock.wire import types as wire

__all__ = ["Console"]

REFRESH_SECONDS = 3
ROWS_MAX = 200
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1f24; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .4rem; } ol { list-style: none; padding: 0; display: flex; flex-wrap: wrap; }
li { border: 1px solid #c8d0d8; border-left-width: .4rem; padding: .3rem .8rem; margin: 0 .5rem .5rem 0; }
li.Succeeded { border-left-color: #2a7d46; } li.Failed { border-left-color: #b3261e; }
li.InProgress { border-left-color: #1f5fbf; } li.Stopped, li.Stopping { border-left-color: #8a6d00; }
small { color: #57606a; }
"""


class Console:
    def __init__(self, environment: Environment, account: str) -> None:
        self._environment = environment
        self._account = account

    async def page(self) -> str:
        """The page as HTML."""
        sections = []
        for region in await self._environment.reader.regions(self._account):
            principal = Principal(f"arn:aws:iam::{self._account}:root", self._account, "root", "")
            call = Call(principal, self._account, region, self._environment)
            listed = await list_pipelines(wire.ListPipelinesInput(max_results=ROWS_MAX), call)
            for summary in listed.pipelines or ():
                state = await get_pipeline_state(wire.GetPipelineStateInput(name=summary.name or ""), call)
                sections.append(_section(region, state))
        body = "".join(sections) or "<p>No pipelines yet.</p>"
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>penstock</title>'
            f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}"><style>{_STYLE}</style>'
            f"<h1>Pipelines</h1>{body}</html>"
        )


def _section(region: str, state: wire.GetPipelineStateOutput) -> str:
    stages = "".join(_stage(stage) for stage in state.stage_states or ())
    return (
        f"<h2>{escape(state.pipeline_name or '')} <small>{escape(region)}, version {state.pipeline_version}</small></h2>"
        f"<ol>{stages}</ol>"
    )


def _stage(stage: wire.StageState) -> str:
    latest = stage.latest_execution
    status = latest.status if latest is not None and latest.status is not None else "not run yet"
    actions = ", ".join(f"{escape(action.action_name or '')} {_status(action)}" for action in stage.action_states or ())
    css = status if latest is not None else "none"
    return f'<li class="{css}"><b>{escape(stage.stage_name or "")}</b> {status}<br><small>{actions}</small></li>'


def _status(action: wire.ActionState) -> str:
    run = action.latest_execution
    return run.status or "" if run is not None else "–"
