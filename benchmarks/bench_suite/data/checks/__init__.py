"""Checks of a data set: what is wrong with examples, labels, columns and splits, before anything is trained.

`runner.check_task` runs them and returns `contracts.Finding`s; there is one module for each family of checks. Those of
results, which need records, are in `execution.result_checks`.
"""
