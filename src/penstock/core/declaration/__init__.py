"""The declaration of a pipeline: what it must obey, and the forms in which it is kept and shown.

A new declaration goes through `check`, `normalise`, `seal_secrets` and `merge_secrets`, in this order: what `check` has
let pass, `merge_secrets` can merge; and secrets that are taken over have been sealed before.
"""

from penstock.core.declaration.check import check
from penstock.core.declaration.form import normalise, type_of
from penstock.core.declaration.places import FindActionType, Surroundings, bind_actions
from penstock.core.declaration.secrets import MASK, mask, merge_secrets, seal_secrets

__all__ = [
    "MASK",
    "FindActionType",
    "Surroundings",
    "bind_actions",
    "check",
    "mask",
    "merge_secrets",
    "normalise",
    "seal_secrets",
    "type_of",
]
