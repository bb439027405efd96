# What the commands say.

rules-in-force = Rule set { $version } is in force.
rules-sound = { $count ->
    [one] { $count } rule, sound
   *[other] { $count } rules, all sound
}

# Headings of tables and names of facts.

word-order = Order
word-merchant = Merchant
word-status = Status
word-total = Total
word-channel = Channel
word-received = Received
word-sku = SKU
word-quantity = Quantity
word-unit-price = Unit price
word-base = Base
word-when = When
word-what = What
word-sequence = Seq
word-kind = Kind
word-customer = Customer
word-batch = Batch
word-repeats = Repeats
word-waits-for = Waits for
word-attempts = Attempts
word-failed-at = Failed at
word-on-hand = On hand
word-reserved = Reserved
word-available = Available
word-waiting = Waiting
word-description = Description
word-category = Category
word-price = Price
word-succeeded = Succeeded
word-failed = Failed
word-started = Started
word-ended = Ended
word-items = Items
word-items-succeeded = succeeded
word-items-failed = failed
word-items-skipped = skipped (duplicates)
word-items-pending = pending
word-orders-by-status = Orders by status
word-not-accepted = Not accepted
word-gross = Gross
word-discounts = Discounts
word-surcharges = Surcharges
word-net = Net
word-units = Units
word-unpriced = Unpriced orders
word-stock-problems = Stock problems
word-orders-per-second = Orders per second
word-rule = Rule
word-effects = Effects
word-amount = Amount
word-missing = Missing
word-id = Id
word-scope = Scope
word-created = Created
word-would-be = Would be
word-because = Because
word-on = On
word-wanted = Wanted
word-where = Where
word-setting = Setting
word-value = Value
word-from = From
word-priced-again = Orders priced again
word-that-differ = that differ
word-without-a-price = without a price, before or after
word-out-of-range = out of range by these rules
word-left-out-transfers = Left out: transfers
word-left-out-not-taken = Left out: rejected, cancelled, failed
word-left-out-own-rules = Left out: priced by their batch's rules
word-left-out-unreadable = Left out: not read as an order any more
word-total-as-priced = Total as priced
word-total-by-these-rules = Total by these rules
word-difference = Difference
word-effects-before = Effects before
word-amount-before = Amount before
word-effects-after = Effects after
word-amount-after = Amount after
word-not-evaluated = Not evaluated
word-before = Before
word-after = After
word-reason = Reason
word-table = Table
word-rows = Rows
word-superseded = Superseded
word-files = Files
word-error = Last error
word-settled = Settled
word-still-open = Still open
word-audit-sequence = Sequence
word-source = Source
word-bytes = Bytes
word-code = Code
word-item = Item
word-documents = Documents
word-since = Since
word-blake3 = BLAKE3
word-blake3-first = BLAKE3 of the first
word-blake3-last = BLAKE3 of the last

# What the commands say and do.

said-listening = listening on { $url }
said-listening-sql = PostgreSQL's clients: { $url }
ask-dlq-purge = Give up { $count } open dead letters? They stay on record. [y/N]
said-more = more: --cursor { $cursor }
said-products-stored = { $count ->
    [one] { $count } product stored
   *[other] { $count } products stored
}
said-stock-stored = { $count ->
    [one] { $count } stock count stored
   *[other] { $count } stock counts stored
}
said-shortages = Shortages (the { $count } largest)
said-differ-most = Orders that differ most ({ $count })
said-why = Why
said-short = Short
said-warnings = Warnings
said-shipping = shipping
said-tax = tax
said-progress = { $done } done  { $failed } failed  { $skipped } skipped  { $rate }/s
said-eta = left
said-batch-repeat = this content was run before: this is what it came to then
said-batch-resumed = gone on behind item { $item }, where an earlier run stopped
said-key-shown-once = shown once; a server that runs takes it up when it is started again
said-key-revoked = taken back; a server that runs forgets it when it is started again
said-links-rotated = links are signed with a new secret
said-man-pages = man pages are in { $path }
said-backup-made = { $to } has every change before byte { $position } of the log: { $files } files, { $copied } bytes copied, { $linked } linked
said-restored = { $to } is the store of { $taken }, up to byte { $position } of its log
said-lake = manifest { $version }: the log up to { $until } in { $segments } segments, { $bytes } bytes
said-lake-rebuilt = made anew: { $rows } versions of orders in { $segments } segments, { $bytes } bytes; { $removed } older files removed
said-settings-sound = sound: { $count } settings, { $file }
said-waits-step = external check { $step }, since { $since }
said-waits-stock = stock of { $products }
said-no-file = there is no file
said-only-counted = { $count } more, only counted
said-no-document = (the document is not kept, or not any more)
said-unknown-variable = { $name }: no setting has this variable
said-reservations = { $rate } reservations/s: { $reserved } reserved, { $waiting } waiting

# What doctor found. Details of a fault stay English.

doctor-looked-at = { $verdict } { $check }: { $count } looked at
doctor-sound = sound 
doctor-faulty = FAULTY
doctor-records = every record of the log is whole
doctor-originals = every order is there once, under its id
doctor-states = every order's state is the fold of its changes
doctor-money = lines, rules and totals add up to the cent
doctor-stock = counters equal the stock ledger's sums, none oversold
doctor-queues = who waits for stock stands in its queue, once
doctor-lists = lists of orders and of invalid input are complete
doctor-batches = every batch's checkpoint counts the items that are there
doctor-letters = every dead letter is filed, and ended once at most
doctor-followers = how far each follower is can be read, and is a change in the log

# Why a command could not do it. Causes come behind a colon; those of the system are its own words.

no-read = cannot read { $path }
no-write = cannot write { $path }
no-create = cannot create { $path }
no-listen = cannot listen on { $address }
no-call = cannot reach { $url }
no-send = cannot send the file
no-json = the answer is no JSON
no-held = { $error }, which does not say where it listens; stop it, or name its address with --server URL
no-dlq-filter = say which dead letters (--kind, --source, --batch …), or --all for every open one
no-dlq-yes = nothing was given up: answer y, or say --yes
no-doctor-held = { $error }; stop the server first: proving needs the store at rest
no-keys-beyond = listening on { $address }, beyond this machine, needs API keys: make one with `comanda --data-dir { $path } keys create --scope admin`
no-lake = the lake cannot be used
no-lake-here = there is no lake: lake.enabled is "no"
no-lake-files = the lake's last rows are not in files: { $why }
no-lake-rebuild-held = the server at { $url } writes the lake; stop it first
no-archive = the archive { $address } cannot be used
unusable-queue = the queue { $name } cannot be used
half-key = { $place }: access_key and secret_key go together: give both, or neither
unfit-address = { $address } is no address
archive-folder = its folder is not there; make it first
archive-prefix = its prefix must be a plain path of at most { $bytes } bytes
no-such-key = there is no key { $id }
no-scope = --scope takes read, write or admin
no-batch-id = --batch-id takes 1 to 128 bytes without control characters
no-batch-other-content = batch { $id } was run with other content; choose another --batch-id
no-batch-end = the batch did not come to its end; run it again to go on
no-batch-rules = a server holds the store: it takes rules inside the document (`pricingRules`), or stop it to use --rules
no-batch-input = cannot read the batch's input
no-backup-here = a backup is made where the store's files are: run it there, not through { $url }
no-in-the-way = { $path } is in the way; remove it
no-demo-folder = { $path } exists and no demo made it; name another --data-dir
no-other-currency = the amounts in { $path } are in { $stored }, orders.currency says { $set }
no-backup-place = { $path } is not empty; name a folder that is not there
no-backup-store = { $path } is no store
no-backup-finished = { $path } is no finished backup: it has no MANIFEST
no-backup-file = the backup's { $name } is missing
no-backup-length = the backup's { $name } is not as long as it was
no-backup-content = the backup's { $name } is not what was written
no-backup-shrank = the store's { $name } is shorter than it must be; try again
no-backup-format = "{ $found }" is of a later version, which this one does not know
no-backup-sound = what was restored does not add up: { $faults }
no-use = cannot use { $path }
no-store-held = the store in { $path } is held by another process
no-store-format = the store in { $path } says "{ $found }"; this version reads up to "{ $known }"
no-store-files = cannot open the store's files
no-store-log = cannot open the log
no-store-index = cannot open the index
no-store-update = cannot bring the index up to date
no-store-read = cannot read what is stored: { $why }
no-room = disk space is below the safe minimum
no-queue = too much is waiting already; nothing was done
no-outcome = the outcome is unknown; run it again with the same id
no-ledger = the store is closed
no-cursor = the cursor names no change
no-such-file = there is no such file or folder
no-permission = this user may not do that
no-address = the address is in use
no-answer = nobody answers there
no-space = the disk is full

# The tour of `comanda demo`.

demo-store = A store of its own in { $path }; the server listens on { $url }
demo-stays = The server stays up. Ctrl-C stops it.
demo-catalogue = 1. Catalogue, stock and rules
demo-catalogue-is = 10,000 products of three sellers, their stock, 8 pricing rules
demo-orders = 2. Orders over REST, one of each kind
demo-full = a full purchase document
demo-again = the same one again
demo-simple = a simple order
demo-transfer = a transfer
demo-short = more than there is
demo-invalid = an invalid one
demo-restock = 3. A restock: the order that waited is filled
demo-now = { $order } is now { $status }
demo-batch = 4. A batch of { $orders } orders with rules of its own
demo-batch-is = 3 % of them broken, 2 % repeated, some products scarce
demo-look = Look around:
demo-start-page = the start page
demo-one-order = one order, with its history

# Files of orders.

files-repeat = { $name }: this content was run before
files-refused = { $name }: { $why }
files-more = more: --from { $from }
files-none = { $path }: no file of orders there
files-cell = line { $line } column { $column }: { $message }
word-file = File
word-skipped = Skipped
word-rejects = Rejects
word-line = Line
word-outcome = Outcome
word-why = Why
word-format = Format
said-no-followers = nobody follows the log
said-follower-enabled = { $name } delivers again
word-follower = Follower
word-behind-changes = Behind
word-behind-seconds = Seconds
word-next-try = Next try
word-last-error = Last error
follower-running = running
follower-held = held
follower-crowded = crowded
follower-disabled = disabled
follower-damaged = damaged
follower-not-driven = not driven


# Webhooks.

said-webhook-removed = { $id } is told no more
said-webhook-secret = this is what the receiver of { $id } checks signatures with; it is shown once
said-webhook-replayed = { $count ->
    [one] { $count } change is looked at again
   *[other] { $count } changes are looked at again
}
said-webhook-rest = there are more: go on with --since { $since }
no-webhook-answer = the endpoint did not take the message: { $error }
word-address = Address
word-kinds = Kinds
word-attempt = Attempt
word-ms = ms
word-per-second = A second
word-at-once = At once
word-signing = Signing
word-secret-number = Secret number
word-previous-until = Previous secret until
said-webhook-letters = { $count ->
    [one] { $count } dead letter is sent again
   *[other] { $count } dead letters are sent again
}
# Notices: what would be told, and the mail server.

no-mail-server = cannot use the mail server { $host }
no-email-settings = no mail server is set: give email.host and email.from
no-email-address = { $address } is no e-mail address
no-test-sent = the test message was not sent: { $reason }
said-test-sent = The test message for { $to } was taken by { $host }.
word-to = To
word-subject = Subject
word-language = Language

# `comanda sql`.

no-whole-answer = The answer broke off before its end
no-parquet-to-terminal = A Parquet file is not for a terminal; name a file with --out
no-table-to-file = A table is for people; for a file choose --format csv, json or parquet
no-utf8-statement = The statement is not UTF-8
no-sql = SQL cannot be answered
said-lake-follows = Bringing the tables up to date
said-rows = { $count ->
    [one] { $count } row
   *[other] { $count } rows
}
said-rows-cut = { $count ->
    [one] { $count } row, and there are more: --rows says how many are wanted
   *[other] { $count } rows, and there are more: --rows says how many are wanted
}
said-answer-written = { $path } is written ({ $size })
