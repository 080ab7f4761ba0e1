"""Calls out of a workflow for a run's files: workspaces, merges, and what is delivered of them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta

from temporalio.common import RetryPolicy

from cadre.domain.deliveries import (
    DeliveryLine,
    DeliveryPlan,
    MakeDelivery,
    MergeInto,
    MoveBranch,
    Moved,
    PlanDeliveries,
    ReadyMerge,
    TakeCommits,
    Taken,
)
from cadre.domain.integration import (
    BranchOrder,
    FindMarkers,
    Markers,
    MergeBranches,
    Merged,
    OrderBranches,
)
from cadre.domain.workspaces import (
    Change,
    CheckResult,
    CommitChange,
    Deliver,
    Delivery,
    DescribeChange,
    OpenedWorkspace,
    OpenWorkspace,
    RunCheck,
)
from workflows.gateway import TOOL_ATTEMPT, activity

# For what takes effect outside of the run: a second time could be once too often.
ONCE = RetryPolicy(maximum_attempts=1)


def open_workspace(request: OpenWorkspace) -> Awaitable[OpenedWorkspace]:
    """An isolated copy of the repository, prepared by its setup command."""
    return activity(
        "workspace.open",
        request,
        OpenedWorkspace,
        summary=f"open workspace at {request.base}",
        attempt=timedelta(seconds=request.setup_timeout_seconds) + TOOL_ATTEMPT,
    )


def check(request: RunCheck) -> Awaitable[CheckResult]:
    """The check command on a throw-away copy, run by the engine."""
    return activity(
        "workspace.check",
        request,
        CheckResult,
        summary=f"check {request.name}: {request.command}",
        attempt=2 * timedelta(seconds=request.timeout_seconds) + TOOL_ATTEMPT,
    )


def describe(request: DescribeChange) -> Awaitable[Change]:
    """A change as a diff for an agent to read."""
    return activity("workspace.describe", request, Change, summary=f"diff {request.name}")


def commit(request: CommitChange) -> Awaitable[str]:
    """A commit in the run's own repository; the ID of the commit."""
    summary = f"commit by {request.author}: {request.subject}"
    return activity("workspace.commit", request, str, summary=summary)


def order(request: OrderBranches) -> Awaitable[BranchOrder]:
    """The order in which to integrate branches."""
    summary = f"order of {len(request.branches)} branches"
    return activity("workspace.order", request, BranchOrder, summary=summary)


def merge(request: MergeBranches) -> Awaitable[Merged]:
    """A merge of two commits, as a snapshot; its conflicts are in it."""
    return activity("workspace.merge", request, Merged, summary=f"merge {request.label}")


async def find_markers(request: FindMarkers) -> tuple[str, ...]:
    """Files in which conflict markers are left."""
    summary = "look for conflict markers"
    return (await activity("workspace.find_markers", request, Markers, summary=summary)).paths


def deliver(request: Deliver) -> Awaitable[Delivery]:
    """The result as a branch of the user's repository."""
    summary = f"deliver branch {request.branch}"
    return activity("workspace.deliver", request, Delivery, summary=summary)


def plan_deliveries(request: PlanDeliveries) -> Awaitable[DeliveryPlan]:
    """What stands against deliveries, before anything is spent."""
    return activity("delivery.plan", request, DeliveryPlan, summary="look at the deliveries")


def take(request: TakeCommits) -> Awaitable[Taken]:
    """What a person committed on the run's branch."""
    return activity("delivery.take", request, Taken, summary=f"look at {request.branch}")


def prepare_merge(request: MergeInto) -> Awaitable[ReadyMerge]:
    """The merge of the result into a branch of the user's, without changing that."""
    summary = f"merge into {request.branch}"
    return activity("delivery.prepare_merge", request, ReadyMerge, summary=summary)


async def move_branch(request: MoveBranch) -> bool:
    """Let a branch of the user's go forward; False where it was not where it was expected."""
    summary = f"move {request.branch} to {request.new[:12]}"
    return (await activity("delivery.move_branch", request, Moved, summary=summary)).moved


def make_delivery(request: MakeDelivery) -> Awaitable[DeliveryLine]:
    """A push or a command, tried once: what fails may have taken effect."""
    return activity(
        "delivery.make", request, DeliveryLine, summary=f"deliver {request.target}", retry=ONCE
    )


def settle_delivery(request: MakeDelivery) -> Awaitable[DeliveryLine]:
    """What is known of a delivery that did not answer."""
    summary = f"look what became of {request.target}"
    return activity("delivery.settle", request, DeliveryLine, summary=summary)


def close_workspace(run: str) -> Awaitable[None]:
    """Clear away the run's own repository and worktrees."""
    return activity("workspace.close", run, None, summary="clear the workspace away")
