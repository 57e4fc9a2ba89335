"""The fault matrix: what must become of every call to a vendor when something goes wrong, and why.

*once*: the fault strikes one request or frame; *for ever*: until it is taken back. `-`: not tried, for it has no such
form or says nothing new. The words are those of `outcomes`; `test_fault_matrix*` make a test of every cell, and look in
each: in time, no crash, no thread or socket left over, no secret told, and afterwards everything as before.
"""

from __future__ import annotations

from tests.vendors.outcomes import cells, ladder_rows

READINGS = """
vendor       call     fault                    once         for ever     why

upstox       candles  refuse                   -            unreachable  asked three times, then the next source
upstox       candles  drop, lost answer        recovered    unreachable  reading changes nothing: asked again
upstox       candles  mute, too slow           recovered    unreachable  the read time-out ends each try
upstox       candles  slow                     recovered    recovered    within the time-outs
upstox       candles  429                      recovered    busy         held back, asked again, then given up
upstox       candles  500, 503                 recovered    busy         trouble that may pass
upstox       candles  401                      log in       log in       asking again with this token is no use
upstox       candles  403                      not allowed  not allowed  the plan or the app: asking again is no use
upstox       candles  corrupt                  no data      no data      no JSON any more; the next source is asked
upstox       candles  wrong json, empty        no data      no data      looks like success and holds no candles
upstox       candles  html                     no data      no data      a page is no data, whatever its status
upstox       candles  token expired            -            recovered    history is open: no token is sent
upstox       candles  clock ahead              -            recovered    our clock says which minute is complete
upstox       candles  clock behind             -            dated        the vendor's day is shorter: bars end earlier
upstox       candles  stale                    -            dated        bars end where they ended

upstox       expired  refuse                   -            unreachable  asked three times, then a gap that says so
upstox       expired  drop, mute               recovered    unreachable  list and candles are both asked again
upstox       expired  429, 503                 recovered    busy         as every reading call
upstox       expired  401                      log in       log in       expired contracts need a token
upstox       expired  403                      not allowed  not allowed  the Plus plan is told, not hidden
upstox       expired  corrupt, html            no data      no data      no JSON
upstox       expired  wrong json, empty        no data      no data      never an expiry without contracts
upstox       expired  token expired            -            log in       only 'sos login' helps
upstox       expired  stale                    -            recovered    what is over does not change

upstox       chain    refuse                   -            unreachable  the last of three sources
upstox       chain    drop, too slow           recovered    unreachable  asked again
upstox       chain    slow                     recovered    recovered    within the time-outs
upstox       chain    429, 500                 recovered    busy         as every reading call
upstox       chain    401                      log in       log in       asking again is no use
upstox       chain    403                      not allowed  not allowed  asking again is no use
upstox       chain    corrupt, html            no data      no data      no JSON
upstox       chain    wrong json, empty        no data      no data      rows without strikes are no chain
upstox       chain    token expired            -            log in       only 'sos login' helps
upstox       chain    stale                    -            untold       no time in it: why NSE and Trendlyne go first

upstox       book     refuse                   -            unreachable  the book stays unknown, never empty
upstox       book     drop, mute, lost answer  recovered    unreachable  asked again
upstox       book     429, 503                 recovered    busy         as every reading call
upstox       book     401                      log in       log in       asking again is no use
upstox       book     403                      not allowed  not allowed  asking again is no use
upstox       book     corrupt, html            no data      no data      no JSON
upstox       book     wrong json, empty        no data      no data      a row that is no order is no book
upstox       book     token expired            -            log in       only 'sos login' helps
upstox       book     clock ahead              -            recovered    known orders keep their times
upstox       book     stale                    -            untold       a new order is missing: look more than once

upstox       funds    refuse                   -            unreachable  unknown, never zero
upstox       funds    drop, mute               recovered    unreachable  asked again
upstox       funds    429, 500                 recovered    busy         as every reading call
upstox       funds    401                      log in       log in       asking again is no use
upstox       funds    403                      not allowed  not allowed  asking again is no use
upstox       funds    corrupt, html            no data      no data      unknown, never zero
upstox       funds    wrong json, empty        no data      no data      unknown, never zero
upstox       funds    token expired            -            log in       only 'sos login' helps
upstox       funds    stale                    -            untold       money spent since is still shown

tradingview  scan     refuse                   -            unreachable  the next scan is seconds away: not repeated
tradingview  scan     drop, lost answer        unreachable  unreachable  not repeated
tradingview  scan     mute, too slow           unreachable  unreachable  the time-out ends it
tradingview  scan     slow                     recovered    recovered    within the time-out
tradingview  scan     429, 500, 503            busy         busy         the next scan waits longer
tradingview  scan     401, 403                 not allowed  not allowed  a dead cookie or a block
tradingview  scan     corrupt, html            no data      no data      no JSON
tradingview  scan     wrong json, empty        no data      no data      no count and no rows is not 'nothing in play'
tradingview  scan     clock ahead              -            no data      times to come would make old prices look new
tradingview  scan     stale                    -            dated        its age is measured by the rows' own times

tradingview  chart    refuse                   -            unreachable  told after one more try
tradingview  chart    drop                     recovered    unreachable  a connection that died unnoticed is replaced
tradingview  chart    mute                     recovered    unreachable  a frame without bars is not missed; silence is
tradingview  chart    close 1000, close 1011   recovered    unreachable  however it ends, it is replaced once
tradingview  chart    slow                     recovered    recovered    within the time-out of a step
tradingview  chart    too slow                 recovered    unreachable  a step's time-out; the new connection is quick
tradingview  chart    duplicate                recovered    recovered    bars are kept by their minute
tradingview  chart    reorder                  recovered    recovered    bars are kept by their minute
tradingview  chart    corrupt, html            no data      no data      no frame
tradingview  chart    wrong json, empty        no data      no data      no frame
tradingview  chart    401, 403                 not allowed  not allowed  at the handshake
tradingview  chart    429, 500, 503            busy         busy         at the handshake
tradingview  chart    clock ahead              -            recovered    bars carry the exchange's minutes
tradingview  chart    clock behind             -            recovered    bars carry the exchange's minutes
tradingview  chart    stale                    -            dated        a bar that was forming is not complete

nse          chain    refuse                   -            unreachable  the next source is asked
nse          chain    drop, lost answer        unreachable  unreachable  not repeated: NSE counts requests
nse          chain    mute, too slow           unreachable  unreachable  the time-out ends it
nse          chain    slow                     recovered    recovered    within the time-out
nse          chain    401, 403                 recovered    not allowed  new cookies once, then a rest
nse          chain    429                      busy         busy         a rest at once
nse          chain    500, 503                 busy         busy         not repeated
nse          chain    corrupt, html            no data      no data      no JSON; a soft block looks like this
nse          chain    wrong json, empty        no data      no data      NSE answers {} when it does not want to
nse          chain    token expired            -            recovered    the cookies are renewed unnoticed
nse          chain    clock ahead              -            no data      a moment to come is never stored
nse          chain    clock behind             -            misdated     nothing tells it from old figures
nse          chain    stale                    -            dated        under the time NSE gives

nse          breadth  refuse                   -            unreachable  the next source is asked
nse          breadth  drop                     unreachable  unreachable  not repeated
nse          breadth  403                      recovered    not allowed  new cookies once, then a rest
nse          breadth  429, 503                 busy         busy         not repeated
nse          breadth  corrupt, html            no data      no data      no JSON
nse          breadth  wrong json, empty        no data      no data      no index of that name is not zero advances
nse          breadth  clock ahead              -            no data      a moment to come is never stored
nse          breadth  stale                    -            dated        under the time NSE gives

trendlyne    chain    refuse                   -            unreachable  the next source is asked
trendlyne    chain    drop, lost answer        unreachable  unreachable  not repeated
trendlyne    chain    mute, too slow           unreachable  unreachable  the time-out ends it
trendlyne    chain    slow                     recovered    recovered    within the time-out
trendlyne    chain    401, 403                 recovered    not allowed  one visit of the first page, then no more
trendlyne    chain    429, 500, 503            busy         busy         not repeated
trendlyne    chain    corrupt, html            no data      no data      a browser's page of the same data is no JSON
trendlyne    chain    wrong json, empty        no data      no data      no envelope, or no strikes
trendlyne    chain    token expired            -            recovered    the session is renewed unnoticed
trendlyne    chain    clock ahead              -            no data      a moment to come is never stored
trendlyne    chain    clock behind             -            misdated     nothing tells it from old figures
trendlyne    chain    stale                    -            dated        under the time it reports

trendlyne    history  refuse                   -            unreachable  no piece of a history is returned
trendlyne    history  drop, mute               unreachable  unreachable  no piece of a history is returned
trendlyne    history  401                      recovered    not allowed  one visit of the first page, then no more
trendlyne    history  429, 503                 busy         busy         no piece of a history is returned
trendlyne    history  corrupt, html            no data      no data      no JSON
trendlyne    history  wrong json, empty        no data      no data      no envelope, or no strikes
trendlyne    history  clock ahead              -            no data      a moment to come is never stored
trendlyne    history  stale                    -            dated        under the time it reports, never the asked one
"""
"""Calls that change nothing."""

ORDERS = """
vendor  call    fault                    once              for ever          why

upstox  place   refuse                   -                 unsure, not done  the caller need not know how far it came
upstox  place   drop                     unsure, not done  unsure, not done  may have been read: never sent again
upstox  place   mute                     unsure, not done  unsure, not done  the time-out says nothing of the order
upstox  place   lost answer              unsure, done      unsure, done      placed: found by its tag
upstox  place   slow                     recovered         recovered         one order, its id
upstox  place   too slow                 unsure, done      unsure, done      placed at once, told too late
upstox  place   corrupt                  unsure, done      unsure, done      the answer with the id is damaged
upstox  place   html                     unsure, not done  unsure, not done  status 200 says nothing of the order
upstox  place   wrong json, empty        unsure, not done  unsure, not done  status 200 says nothing of the order
upstox  place   500, 503                 unsure, not done  unsure, not done  a gateway may fail after the exchange
upstox  place   401, token expired       -                 log in            refused before it was looked at
upstox  place   403                      not allowed       not allowed       such as another address
upstox  place   429                      busy              busy              refused before it was looked at
upstox  place   clock ahead              -                 recovered         the broker's clock is its own affair

upstox  cancel  refuse                   -                 unsure, not done  the caller need not know how far it came
upstox  cancel  drop, mute               unsure, not done  unsure, not done  sent once: look at the book
upstox  cancel  slow                     recovered         recovered         taken back
upstox  cancel  lost answer, too slow    unsure, done      unsure, done      taken back, told too late
upstox  cancel  corrupt                  unsure, done      unsure, done      the answer is damaged
upstox  cancel  wrong json, empty, html  unsure, not done  unsure, not done  status 200 says nothing of the order
upstox  cancel  500, 503                 unsure, not done  unsure, not done  sent once: look at the book
upstox  cancel  401, token expired       -                 log in            the order stands
upstox  cancel  403                      not allowed       not allowed       the order stands
upstox  cancel  429                      busy              busy              the order stands
"""
"""Calls that change something: nothing is ever sent twice."""

SOCKETS = """
vendor  call       fault                      once       for ever   why

upstox  feed       refuse                     -          down       tried again with growing pauses
upstox  feed       drop                       down       down       a new connection, every subscription renewed
upstox  feed       close 1000, close 1011     down       down       a polite end is an end like any other
upstox  feed       mute                       recovered  silent     connected is not enough: pings are counted
upstox  feed       slow, too slow             recovered  recovered  late, right and in order
upstox  feed       duplicate, reorder         recovered  recovered  every quote carries its own time
upstox  feed       corrupt                    recovered  down       left out and counted; five in a row end it
upstox  feed       wrong json, empty, html    recovered  down       text is no frame; five in a row end it
upstox  feed       401, 403                   refused    refused    at the handshake; long pauses
upstox  feed       429, 500, 503              down       down       at the handshake; growing pauses
upstox  feed       token expired              -          refused    no address without a token; a login ends it
upstox  feed       clock ahead, clock behind  -          dated      quotes carry Upstox's time, receipts ours
upstox  feed       stale                      -          dated      quotes carry the old time

upstox  portfolio  refuse                     -          down       tried again; the book is asked when it is back
upstox  portfolio  drop                       down       down       missed updates never come: ask the book
upstox  portfolio  close 1000, close 1011     down       down       a polite end is an end like any other
upstox  portfolio  mute                       -          silent     no pong either
upstox  portfolio  slow, too slow             recovered  recovered  late and right
upstox  portfolio  duplicate, reorder         recovered  recovered  every update carries the order's whole state
upstox  portfolio  corrupt, html              told       down       may have been a fill: ask the book
upstox  portfolio  wrong json, empty          told       down       may have been a fill: ask the book
upstox  portfolio  401, 403                   refused    refused    at the handshake; long pauses
upstox  portfolio  429, 500, 503              down       down       at the handshake; growing pauses
upstox  portfolio  token expired              -          refused    no address without a token; a login ends it
"""
"""Streams that are kept connected."""

LADDERS = """
asked    failing                                                 answers      why

candles  upstox: html                                            tradingview  a page is passed over, and told
candles  upstox: 403                                             tradingview  whoever refuses us is not asked again
candles  upstox: mute                                            tradingview  silence ends with the time-out
candles  upstox: 503; tradingview: corrupt                       nobody       both reasons are told
candles  upstox: refuse; tradingview: refuse                     nobody       both reasons are told
chain    nse: 403                                                trendlyne    blocked: open interest of another source
chain    nse: empty                                              trendlyne    NSE's soft block
chain    nse: clock ahead                                        trendlyne    a moment to come is no data
chain    nse: drop; trendlyne: html                              upstox       the last of three
chain    nse: 429; trendlyne: wrong json; upstox: token expired  nobody       all three reasons are told
breadth  nse: html                                               tradingview  of another universe, which is said
breadth  nse: 503; tradingview: 429                              nobody       both reasons are told
"""
"""Sources in their order of trust (`vendors/trust.py`): what is asked, who fails how, who answers, and why."""

KNOWN: dict[str, str] = {}
"""Cells that do not hold yet, and why; a cell that holds must not stand here."""

READING_CELLS, ORDER_CELLS, SOCKET_CELLS = (tuple(cells(table)) for table in (READINGS, ORDERS, SOCKETS))
LADDER_ROWS = tuple(ladder_rows(LADDERS))
