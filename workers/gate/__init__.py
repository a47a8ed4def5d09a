"""The gate: a library retargeted again and held against results that were accepted.

    manifest           the library: which motions on which characters with which options, from TOML or JSON
    tolerances         how much may differ
    motion_signature   what is kept of a motion: joints, turns, path, planted feet, at sampled times
    picture_signature  what is kept of a sheet: its pictures, much smaller
    outcome            what is kept of a result, as JSON
    row_key            what a result depends on, as a key
    motion_changes     what differs between two motions' signatures
    compare            what differs between two results, and whether that is a loss
    compute            one row computed
    results            results and baseline in their folders
    run_rows           the rows that are to be computed, on several processes
    junit              the judgements as JUnit XML
    page               the judgements as a page, the worst sheets first

Comparing is pure; only `manifest`, `compute`, `results` and `run_rows` touch a disk. The command line is
`service.commands.gate`.
"""
