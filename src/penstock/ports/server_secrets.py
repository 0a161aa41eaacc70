"""What lies in the table of the installation's own secrets beside those that every database has.

Backups leave these out: keys and root credentials travel as files, or not at all.
"""

__all__ = ["BACKUP_NOTES", "ROOT_KEYS", "SEALING_KEYS"]

SEALING_KEYS = "sealing keys"
ROOT_KEYS = "root access key"
# What the name of a note on a backup begins with; its id follows.
BACKUP_NOTES = "backup "
