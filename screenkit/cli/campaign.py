"""`screenkit campaign`: rank, choose, simulate, learn, and rank again."""

from __future__ import annotations

from screenkit.cli import options as opt
from screenkit.cli import options_campaign as own
from screenkit.cli import options_gcmc as simulated
from screenkit.cli import options_runs as of


def campaign(
    recipe: own.CampaignRecipe,
    rounds: own.Rounds = None,
    executor: opt.Executor = None,
    workers: opt.Workers = None,
    command: simulated.EngineCommand = None,
    output: own.CampaignFolder = None,
    dry_run: own.Plan = False,
    progress: opt.ProgressMode = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    json: of.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Simulate what is worth it, learn from it, rank again; for some rounds.

    The recipe says the library, the target, the conditions of the simulations
    and when to stop. Safe to kill and repeat: each round is a folder of DIR,
    and what is finished is kept.

    Example: screenkit campaign examples/campaign.yaml -o first
    """
    said = locals()
    from screenkit.cli import show_campaign
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.campaign import campaign as run  # torch wakes here, not at --help
    from screenkit.flows.campaign import rehearse

    settings = recipe_of({k: v for k, v in said.items() if k not in ("command", "json")})
    folder = output or show_campaign.folder_of(recipe)
    if dry_run:
        show_campaign.rehearsal(rehearse(settings, recipe.parent, folder, command))
        return
    with tracking(progress, verbose, quiet) as track:
        result = run(settings, recipe.parent, folder, track, command)
    if json:
        show_campaign.as_json(result)
    elif not quiet:
        show_campaign.campaigned(result)
    show_campaign.judge(result)
