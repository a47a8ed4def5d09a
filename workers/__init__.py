"""Everything that computes: file formats, skeletons, retargeting, scores. Importable without FastAPI and without
torch.
"""
