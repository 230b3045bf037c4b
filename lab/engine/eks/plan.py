"""What would be created, changed or deleted: every resource is checked, and nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.engine.eks.association import Association
from lab.engine.eks.bucket import Bucket
from lab.engine.eks.cloud import NoAccessError
from lab.engine.eks.cluster import EksCluster
from lab.engine.eks.dataset import Dataset
from lab.engine.eks.managed_policy import ManagedPolicy
from lab.engine.eks.place import Place
from lab.engine.eks.release import EksRelease
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State
from lab.engine.eks.role import Role
from lab.engine.eks.secrets import ClusterSecrets
from lab.engine.eks.storage import Storage
from lab.engine.kubernetes.identities import ACCOUNTS, IDENTITIES
from lab.errors import HostError, LabError, NotFoundError
from lab.graph import with_needs

MAKE, CHANGE, KEEP, DELETE, REFUSE = "make", "change", "keep", "delete", "refuse"


@dataclass(frozen=True)
class Step:
    """One resource and what would be done with it. One that is not `checked` would be created if it is missing."""

    resource: str
    name: str
    action: str
    why: str = ""
    checked: bool = True


@dataclass
class Plan:
    """All steps in order; why something was not checked (`unchecked`), and what `up` would lack (`lacking`)."""

    steps: list[Step] = field(default_factory=list)
    unchecked: list[LabError] = field(default_factory=list)
    refused: list[LabError] = field(default_factory=list)
    lacking: list[LabError] = field(default_factory=list)

    def count(self, action: str) -> int:
        return sum(step.action == action for step in self.steps)


def resources(place: Place, *, delete_bucket: str = "", until: str = "") -> list[Resource]:
    """Everything that the lab creates, in a possible order; with `until` only that and what it needs.

    Raises:
        NotFoundError: there is nothing of the kind `until`.
    """
    bucket = Bucket(place)
    bucket.force = delete_bucket
    associations = [Association(place, account) for account in ACCOUNTS]
    policies = [ManagedPolicy(place, identity) for identity in IDENTITIES]
    roles = [Role(place, identity) for identity in IDENTITIES]
    first = [bucket, *policies, *roles, EksCluster(place), *associations]
    everything = [*first, Storage(place), ClusterSecrets(place), Dataset(place), EksRelease(place)]
    if not until:
        return everything
    needs = {each.key: each.needs for each in everything}
    if until not in needs:
        raise NotFoundError(f"there is no resource {until!r}", f"resources: {', '.join(needs)}")
    wanted = with_needs([until], needs.__getitem__)
    return [each for each in everything if each.key in wanted]


def plan_up(place: Place, until: str = "") -> Plan:
    """What `up` would do.

    Raises:
        SettingsError: the credentials are of another account.
    """
    plan = Plan()
    try:
        place.cloud.require_account()
    except NoAccessError as error:
        plan.unchecked.append(error)
    for resource in resources(place, until=until):
        if plan.unchecked and isinstance(plan.unchecked[0], NoAccessError):
            step, state = unseen(resource, "AWS was not asked"), ABSENT
        else:
            step, state = look(resource, plan)
        if step.action in {MAKE, CHANGE}:
            step = check_ground(resource, step, state, plan)
        plan.steps.append(step)
    return plan


def unseen(resource: Resource, why: str) -> Step:
    return Step(resource.key, resource.name, MAKE, why, checked=False)


def look(resource: Resource, plan: Plan) -> tuple[Step, State]:
    """One resource as it is. One that cannot be read is noted, one that is not the lab's is refused."""
    try:
        state = resource.look()
    except ForeignError as error:
        plan.refused.append(error)
        return Step(resource.key, resource.name, REFUSE, error.message), ABSENT
    except LabError as error:
        if error.message not in {each.message for each in plan.unchecked}:
            plan.unchecked.append(error)
        return unseen(resource, error.message), ABSENT
    if not state.exists:
        return Step(resource.key, resource.name, MAKE), state
    if state.differs:
        return Step(resource.key, resource.name, CHANGE, "; ".join(state.differs)), state
    return Step(resource.key, resource.name, KEEP, state.remark), state


def check_ground(resource: Resource, step: Step, state: State, plan: Plan) -> Step:
    """The step, refused if it lacks something that the lab cannot provide."""
    try:
        resource.require(state)
    except NoAccessError:  # reported already
        return step
    except LabError as error:
        if not step.checked and not isinstance(error, HostError):
            return step
        plan.lacking.append(error)
        if resource.key == EksCluster.key and not isinstance(error, HostError):
            return Step(step.resource, step.name, REFUSE, error.message)
    return step


def plan_down(place: Place, delete_bucket: str = "") -> Plan:
    """What `down` would do, in its order.

    Raises:
        LabError: something cannot be checked: nothing is deleted without a check.
    """
    place.cloud.require_account()
    plan = Plan()
    for resource in reversed(resources(place, delete_bucket=delete_bucket)):
        try:
            state = resource.look() if resource.key != Dataset.key else State(True)
        except ForeignError as error:
            plan.steps.append(Step(resource.key, resource.name, KEEP, error.message))
            continue
        if state.exists:
            reason = resource.kept()
            plan.steps.append(Step(resource.key, resource.name, KEEP if reason else DELETE, reason))
    return plan
