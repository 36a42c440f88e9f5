"""Verifiable tasks: problems by seed, an exact verifier as reward, demonstrations, and the bridge to lm-eval."""
