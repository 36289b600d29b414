"""Screen libraries of porous crystals: structures in, a ranked and trusted short list out."""

__version__ = "0.1.0"
