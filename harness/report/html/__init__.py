"""The report: one HTML file that is made from the store and opened anywhere, without a network.

    shell.py     the page around everything: style, scripts, data blocks, the charts' library as inert text
    data.py      the store as compact JSON in columns: claims, verdicts, history, changes, values, sessions
    assets/      core.js (elements, routes, keys), tables.js, charts.js; claims*.js and pages_*.js; styles
    templates/   shell.html.j2

Imports neither torch nor pytest; jinja2, altair and vl_convert inside functions.
"""
