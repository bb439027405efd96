# What is wrong with an order document. Each is named after the code of its rule.

violation-required = Field '{ $field }' is required.
violation-wrong_type = Field '{ $field }' must be { $expected }.
violation-conflicting_values = Field '{ $field }' is given more than once, with different values.
violation-merchant_conflict = Field '{ $field }' and the company's CNPJ name different sellers.
violation-mixed_kinds = The document mixes a purchase ('items') with a transfer ('amount', 'fromAccount', 'toAccount').
violation-rows_apart = The order's rows do not stand together in the file; put them together.
violation-row_width = The row of the file has more or fewer cells than its header.
violation-bad_quotes = The quotation marks in the row of the file do not close at the end of a cell.
violation-not_utf8 = The row of the file is not UTF-8; save the file as UTF-8.
violation-ambiguous_number = Field '{ $field }' can be read in two ways; write it without a thousands separator.
violation-bad_name = Field '{ $field }' contains characters that are not allowed.
violation-too_long = Field '{ $field }' may have at most { $limit } bytes.
violation-empty_items = The order must have at least one item.
violation-too_many_items = The order may have at most { $limit } items.
violation-too_many_coupons = The order may have at most { $limit } coupons.
violation-not_a_number = Field '{ $field }' is not a valid number.
violation-bad_quantity = Field '{ $field }' must be a whole number greater than zero.
violation-negative = Field '{ $field }' must not be negative.
violation-not_positive = Field '{ $field }' must be greater than zero.
violation-too_large = Field '{ $field }' may be at most { $limit }.
violation-too_precise = Field '{ $field }' has more than the six decimals that are kept.
violation-bad_date = Field '{ $field }' is not a valid date; use, for example, 2025-01-09T09:28:37-03:00.
violation-unknown_status = Field '{ $field }' is not a known command; use 'Pendente', 'Alterar Pedido' or 'Cancela Pedido'.
violation-unknown_channel = Field '{ $field }' must be web, mobile, atm, api, file, queue or batch.
violation-unknown_shortage_policy = Field '{ $field }' must be partial, ship_complete or reject.
violation-bad_account = Field '{ $field }' must consist of digits only.
violation-same_account = Field '{ $field }' must be another account than the one the money comes from.
violation-no_customer = The customer is missing: give 'customer' or 'customerId'.
violation-bad_cpf = Field '{ $field }' is not a valid CPF.
violation-bad_cnpj = Field '{ $field }' is not a valid CNPJ.
violation-bad_email = Field '{ $field }' is not a valid e-mail address.
violation-cep_state_mismatch = Field '{ $field }': the CEP does not belong to the state given.
violation-payment_mismatch = Field '{ $field }' is neither the items' total nor that plus shipping.
violation-delivery_before_order = Field '{ $field }' is before the date of the order.
violation-malformed = The document is not a valid JSON object.
violation-malformed-at = The document is not a valid JSON object (line { $line }, column { $column }: { $reason }).
violation-total_out_of_range = The order's total is out of range.
violation-internal_error = The order could not be decided because of an error of ours.
violation-too_many_receives = The message was handed out too often without coming to an end.
violation-too_many_documents = The message holds too many documents.
violation-unknown = The document breaks the rule '{ $code }'.
violation-above-range = Field '{ $field }' is above the largest amount allowed.

# Why bytes are no document; other reasons are the parser's own, in English.

malformed-utf8 = not UTF-8
malformed-depth = nested too deeply
malformed-object = expected a JSON object
malformed-object-or-array = expected a JSON object or array
malformed-empty = empty

# What is wrong with a row of products, stock or customers.

row-malformed = The line is not a JSON object.
row-unknown_field = Field '{ $field }' does not exist here.
row-one_of = Give exactly one: 'delta' or 'on_hand'.
row-too_many = Field '{ $field }' has too many values.
row-not_whole = Field '{ $field }' must be a whole number.
row-not_texts = Field '{ $field }' must be a list of texts.
row-out_of_range = Field '{ $field }' must be from { $least } to { $most }.
row-bad_url = Field '{ $field }' must be an https address on the public internet, without a user name or password.
row-unknown_name = Field '{ $field }' names something that does not exist.

# Why an order came to nothing.

rejection-out_of_stock = There is not enough stock.
rejection-unknown_sku = The order contains a product without a stock record.
rejection-step_refused = An external check turned the order down.
rejection-duplicate = The seller has sent an order with this id before.
refusal-unknown_order = The seller has no order with this id.
refusal-wrong_state = The order's state ({ $status }) does not allow it.
refusal-stale_revision = The order is at another revision by now.
refusal-too_many_revisions = The order has as many revisions as it may have.

# Why a batch's input cannot be read; it stands in a sentence.

input-no-object = neither a JSON object nor an array
input-no-value = a field has no value
input-one-array = 'orders' must be one array
input-no-end = the document does not end like a JSON object
input-no-orders = 'orders' is missing
input-large-field = a field is larger than 1 MiB
input-breaks-off = the document breaks off
input-open-array = the orders array does not end
input-trailing = something follows the document
input-id-text = 'batchId' must be a text
input-id-bytes = 'batchId' must have 1 to 128 bytes
input-metadata = 'metadata' must be a JSON object of texts, numbers and booleans
input-header-utf8 = the header is not UTF-8; save the file as UTF-8, or convert it with `iconv -f WINDOWS-1252 -t UTF-8`
input-header-large = the header has more than { $bytes } bytes or { $columns } columns
input-header-quotes = the header's quotation marks do not pair
input-header-no-separator = the header has no separator: comma, semicolon or tab
input-header-separators = the header has more than one of comma, semicolon and tab: which one separates?
input-header-no-id = no column of the header is the order's id: order_id, orderId, orderid or id
input-header-twice = columns { $first } and { $second } of the header are the same field
input-header-parts = column '{ $name }' has parts; name the part, such as customer.name or address.city
