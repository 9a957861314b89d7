"""The report: one HTML file for people, made from the tables that `jinyu score` wrote. It needs no network and no server.

`tables.py` reads and joins the tables, `data.py` counts and gives the one JSON block that the page holds (`timeline.py`, `audio.py`: two
parts of it), `page.py` puts it together with `report.css`, the scripts, and the one library (`vendor/`). In the browser the scripts build the page from that block by `textContent` alone, so that nothing
anyone said on a call is ever read as HTML; a content security policy stands behind that and shuts the network out.

Size budget: 125 kB for what every report carries, 1 kB a call, 140 bytes a turn of 30 characters: 1,000 calls of 40 turns stay under
7 MB. Audio is linked, not held. A test holds it. The table shows 50 calls a page, and a conversation is built when it is opened.
"""
