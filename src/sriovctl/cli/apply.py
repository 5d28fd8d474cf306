"""``sriovctl apply``."""

from __future__ import annotations

from contextlib import suppress

from sriovctl.cli.by_daemon import jobs_by_daemon
from sriovctl.cli.change_arguments import add_change_arguments, refuse_recording
from sriovctl.cli.state_arguments import (
    ReadyState,
    add_file_argument,
    plan_ready,
    read_state,
    read_state_when_ready,
)
from sriovctl.codec.durations import duration_s
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, InputError, StalePlanError
from sriovctl.host.signals import stopping_in_order
from sriovctl.model.run import RunStatus
from sriovctl.render.plan import format_change, steps_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.engine.runs.meanwhile import JournalMark
    from sriovctl.model.plan import Plan

SUMMARY = "bring this host to the state of a file, and verify each step"
EXAMPLES = """\
  sriovctl plan host.yaml      # look first
  sriovctl apply host.yaml
  sriovctl undo                # and back
  sriovctl apply host.yaml --confirm-within 60s && sriovctl confirm
  sriovctl apply host.yaml --allow guest:MyGuest
  sriovctl apply --resume      # after a kill -9
  sriovctl apply host.yaml --direct  # not by the daemon
"""

_MOST_PLANS = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the file, and what must be allowed by name."""
    add_file_argument(parser, optional=True)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="bring the run to its end that was cut short, instead of reading a file",
    )
    parser.add_argument(
        "--confirm-within",
        type=duration_s,
        metavar="TIME",
        help="undo it all unless 'sriovctl confirm' says so soon that this host can still be "
        "reached: for changes on a remote machine",
    )
    parser.add_argument(
        "--wait",
        type=duration_s,
        default=0.0,
        metavar="TIME",
        help="wait so long for PFs of the file that are not there yet, as early at boot",
    )
    parser.add_argument(
        "--skip-missing",
        action="store_true",
        help="go on without PFs that are not there, and end with 1",
    )
    add_change_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Apply the plan; an error has taken back what was done.

    :raises PermissionDenied: the host is a recording.
    :raises InputError: neither a file nor ``--resume`` was given, or both.
    """
    refuse_recording(args)
    if (args.file is None) != args.resume:
        raise InputError(
            "needs a state file, or --resume, and not both",
            subject="apply",
            hint="sriovctl apply --help",
        )
    missing: tuple[str, ...] = ()
    with stopping_in_order():
        if args.resume:
            outcome = _resume(args, context)
        else:
            ready = _read_state(args, context)
            missing = tuple(map(str, ready.missing))
            outcome = _bring(ready, args, context)
    if args.json:
        context.print_json("apply", {**_as_json(outcome), "missing": list(missing)})
    else:
        context.print(format_outcome(outcome, args, missing))
    return EXIT_FAILED if missing else EXIT_DONE


def _read_state(args: argparse.Namespace, context: Context) -> ReadyState:
    if not (args.wait or args.skip_missing):
        return ReadyState(read_state(args.file))
    return read_state_when_ready(
        args.file, context, wait_s=args.wait, skip_missing=args.skip_missing
    )


# Somebody may change the host while it is planned for.  Nobody has seen the plan, so another is as
# good.
def _bring(ready: ReadyState, args: argparse.Namespace, context: Context) -> Outcome:
    for _ in range(_MOST_PLANS - 1):
        with suppress(StalePlanError):
            return _plan_and_bring(ready, args, context)
    return _plan_and_bring(ready, args, context)


def _plan_and_bring(ready: ReadyState, args: argparse.Namespace, context: Context) -> Outcome:
    return jobs_by_daemon(
        args,
        context,
        lambda office: office.apply(
            ready.state, allowed=args.allow, confirm_within_s=args.confirm_within
        ),
        lambda: context.in_turn(lambda: _plan_and_apply(ready, args, context)),
    )


def _plan_and_apply(ready: ReadyState, args: argparse.Namespace, context: Context) -> Outcome:
    context.reap_leases()
    since = context.users().mark()
    return _apply(plan_ready(ready, context), since, args, context)


def _apply(plan: Plan, since: JournalMark, args: argparse.Namespace, context: Context) -> Outcome:
    guardian = context.start_guardian() if args.confirm_within and plan.steps else None
    told = False

    def tell(run_id: int) -> None:
        nonlocal told
        if guardian is not None:
            guardian.tell(run_id)
            told = True

    options = ApplyOptions(
        allowed=frozenset(args.allow),
        source=args.file,
        affected=context.users().affected,
        leased=context.users().leased,
        since=since,
        confirm_within_s=args.confirm_within,
        on_begun=tell,
    )
    try:
        return apply_plan(context.site(), plan, options=options)
    finally:
        if guardian is not None and not told:
            guardian.dismiss()


def _resume(args: argparse.Namespace, context: Context) -> Outcome:
    from sriovctl.engine.runs.resume import resume_run

    if args.confirm_within:
        raise InputError("cannot be combined with --resume", subject="--confirm-within")
    allowed = frozenset(args.allow)
    return resume_run(
        context.site(),
        options=ApplyOptions(allowed=allowed),
        check=context.users().checking(allowed),
    )


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "run": outcome.run_id,
        "status": str(outcome.status),
        "steps": steps_as_json(outcome.steps),
    }


def format_outcome(outcome: Outcome, args: argparse.Namespace, missing: Sequence[str] = ()) -> str:
    """Say what was done, what was not there to do it with, and what can be done next."""
    lines = [f"missing: {one}" for one in missing]
    if not outcome.steps:
        rest = "the others are" if missing else "the host is"
        return "\n".join((*lines, f"nothing to do: {rest} as the file wants it"))
    lines += [f"{step.subject}: {format_change(step)}  verified" for step in outcome.steps]
    lines.append(f"{len(outcome.steps)} done; {_what_next(outcome, args)}")
    return "\n".join(lines)


def _what_next(outcome: Outcome, args: argparse.Namespace) -> str:
    if args.simulated:  # a later command finds another host
        return "this simulated host ends here"
    if outcome.status is RunStatus.UNCONFIRMED:
        return (
            f"all of it is undone in {args.confirm_within:.0f} s, "
            "unless you keep it: 'sriovctl confirm'"
        )
    return "'sriovctl undo' takes them back"
