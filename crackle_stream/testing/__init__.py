"""The contract of a detector, as checks that its authors can run: `check_detector`."""

from crackle_stream.testing.contract import CHECKS, Case, case_of, check_detector

__all__ = ["CHECKS", "Case", "case_of", "check_detector"]
