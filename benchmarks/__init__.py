"""Structures per second and peak memory, beside a peer, as ratios in one run.

    python -m benchmarks.graphs SOURCE      reading and graphs, against pymatgen
    python -m benchmarks.rank SOURCE        the whole of `screenkit rank`, and its memory
    python -m benchmarks.henry DATA         Henry coefficients, against numpy and RASPA3
    python -m benchmarks.widom DATA OUT     what RASPA3 says of them; wants raspalib
    python -m benchmarks.resume              a run over 300 000 structures that are all done
    python -m benchmarks.kills SOURCE        a run that is killed again and again
    python -m benchmarks.slurm_faults SOURCE   rows of Slurm jobs, whatever happens to them

Outside the package and the wheel. Results are appended to `benchmarks/results/`.
"""
