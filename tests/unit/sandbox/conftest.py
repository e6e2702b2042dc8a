"""The sandbox's tests share the attacks of `benchmarks`, which is not installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
