"""Seconds and memory beside those of peers and the limits of the machine, as ratios in one run.

    python -m benchmarks                    every stage from a CIF to a row, peers, ceilings
    python -m benchmarks.linear             cost against the size of a library, and against atoms
    python -m benchmarks.plots              their drawings and tables, into docs/
    python -m benchmarks.rank SOURCE        the whole of `screenkit rank`, and its memory
    python -m benchmarks.training           seconds per epoch, beside PyTorch Geometric's
    python -m benchmarks.feed               what it costs to feed a device
    python -m benchmarks.executors SOURCE   workers against one process
    python -m benchmarks.henry DATA         Henry coefficients, against numpy and RASPA3
    python -m benchmarks.widom DATA OUT     what RASPA3 says of them; wants raspalib
    python -m benchmarks.million            what the driver takes for up to a million structures
    python -m benchmarks.resume              a run over 300 000 structures that are all done
    python -m benchmarks.kills SOURCE        a run that is killed again and again
    python -m benchmarks.slurm_faults SOURCE   rows of Slurm jobs, whatever happens to them

What docs/pore.md and docs/pore-trials.md say, from graphs that are kept:

    python -m benchmarks.trials GRAPHS LABELS            a recipe with one change each, and its cost
    python -m benchmarks.held_out GRAPHS LABELS          test figures, shortlists, distances
    python -m benchmarks.learning_curves GRAPHS LABELS   against the number of labels
    python -m benchmarks.transfer CHECKPOINT GRAPHS LABELS   other structures, other labels
    python -m benchmarks.pore_pages                      the pages anew, from what was kept

Outside the package and the wheel. Results are appended to `benchmarks/results/`.
"""
