"""Names that were given up because they were riddles, or stood for something else; tests find none of them.

A name is qualified as far as it takes: a file by its path, a class by its package, a method by what its
class is called now. docs/architecture.md has the words that took their place.
"""

FILES = {
    "consumers": (
        "access.py addresses.py attendance.py audience.py blocks.py burst.py closes.py crowd.py direct.py division.py"
        " door.py drain.py eager.py exposition.py fanout.py frames.py handshake.py hub.py inbox.py lean.py limits.py"
        " notify.py origins.py outlet.py pacing.py patience.py presence.py protocol.py queries.py readers.py"
        " recovery.py requests.py rfc6455.py ring.py rounds.py server.py strictness.py subscription.py tail.py watch.py"
    ),
    "realtime": (
        "access.py heartbeat.py jobs.py pending.py promise.py results.py sweep.py embedded/doorstep.py"
        " embedded/mishaps.py"
    ),
    "blog": (
        "access.py dialect.py documents.py editions.py epub.py feeds.py importing.py markdown.py revisions.py"
        " tagging.py xhtml.py views/attempts.py"
    ),
    "tests/faults": "bad.py beside.py found.py press.py stepped.py",
    "frontend/static/js": (
        "blocks.js climb.js following.js fresh.js greeter.js hold.js inbox.js keys.js ladder.js live.entry.js people.js"
        " pulse.js refill.js refusal.js regions.js store.js ticks.js wakes.js"
    ),
}

CLASSES = {
    "consumers": (
        "Anew Attendance Burst Census Crowd DirectOutlet DirectStreamOutlet Doorman Door Ear Flow House Inbox Indirect"
        " LeanSocket Leases Line Members News Outlet Pace Paces Parked Part Ring Rounds Said Seat SendOutlet Sockets"
        " Stalled StreamOutlet StreamSendOutlet Tail Told Tour Violation Visitor Watch Wire"
    ),
    "realtime": "Alone Draft Ears Look Mark Pending Promise Share Tally Doorstep",
    "blog": "Alone Draft",
    "tests": "Told",
}

METHODS = (
    "Writer.keep Writer.drained Writer.behind Writer.cut Writer.end"
    " Subscription.wear Subscription.aside Subscription.say"
    " Hub.use Hub.unuse Hub.place Hub.part Hub.look LogTail.look LogConnection.look"
    " WebSocketProtocol.look WebSocketProtocol.forget LiveConsumer.forget StallDetector.look"
)

FUNCTIONS = {
    "blog": "say",
    "consumers": "paced divided objects",
    "tests": "told",
}

CONSTANTS = {  # a limit says what it limits, and in which unit
    "consumers": (
        "AFTERWORDS AGAIN AHEAD AT_ONCE BAD_DATA ENOUGH FAREWELL GOODBYE LARGEST LATE LONGEST LOOKS MANY MEMORY"
        " MISTAKE MORSEL MOST PATIENCE PIECE PORTION READY ROOM ROUND SHORTEST SOON TOGETHER TOO_LATE TURN UNTIDY"
    ),
    "realtime": "AGAIN BREATH ENOUGH FAREWELL FEW MANY MOST MOST_ATTEMPTS PATIENCE SILENCE SOON",
    "blog": "LARGEST LONGEST MOST PATIENCE",
}
