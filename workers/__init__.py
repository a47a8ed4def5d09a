"""Everything that computes: file formats, skeletons, retargeting, scores. Importable without FastAPI and without
torch.
"""

__version__ = "0.1.0"
