"""The studio: a page on which two files become a moving result that can be looked at. Files only, no state.

    endpoints  GET /studio: the built page and the samples

`web` holds its sources (TypeScript, three.js, built by Vite with `npm run build`), `page` what was built of them, so
that a machine without Node has it; `samples` are files that `retarget samples` makes. The page does all it does through
the HTTP interface that everyone has.
"""
