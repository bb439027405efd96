# What is wrong with a document of pricing rules.

rules-malformed = The rules are not a JSON document.
rules-required = Field '{ $name }' is required.
rules-unknown-field = There is no field '{ $name }' here.
rules-duplicate-field = Field '{ $name }' is there twice.
rules-wrong-type = This must be { $expected }.
rules-empty-name = This must not be empty.
rules-long-name = This may have at most { $limit } bytes.
rules-control-character = This contains a control character.
rules-bad-date = This must be a date and time with a zone, for example 2025-01-09T09:28:37-03:00.
rules-not-a-number = This is not a decimal number.
rules-negative = This must not be negative.
rules-too-large = This is too large.
rules-too-precise = This has too many decimals.
rules-percentage = A percentage is from 0 to 100.
rules-one-of = Give exactly one: '{ $first }' or '{ $second }'.
rules-too-many = There may be at most { $limit } rules.
rules-too-many-names = There may be at most { $limit } names.
rules-unknown-channel = There is no channel '{ $name }'; there are { $known }.
rules-unknown-effect = There is no effect '{ $name }'.
rules-unit-or-line = This must be 'unit' or 'line'.
rules-duplicate-id = Another rule has this id.
rules-empty-period = The rule ends before it begins.
rules-amount = An amount is negative or too large.
rules-tiers = Tiers begin at 1 or more and are in ascending order.
rules-units = 'buy' and 'get' must be at least 1.
rules-no-line = This effect is for the whole order: its condition has no line and no product.

# What a value should have been.

expected-text = a text
expected-number = a number
expected-object = an object
expected-list = a list
expected-boolean = true or false
expected-integer = a whole number
expected-decimal = a decimal number, or a text with one

# What is wrong with a condition (CEL). The parser's own words stay English.

condition-too-long = The condition may have at most { $limit } bytes.
condition-too-deep = The condition is nested too deeply.
condition-too-costly = The condition could take too long to evaluate.
condition-syntax = Syntax error in the condition at line { $line }, column { $column }: { $what }
condition-double = Decimal numbers are not allowed in conditions: money is in whole minor units, such as cents.
condition-unknown = The condition names '{ $name }', which does not exist.
condition-types = The condition does not fit together: { $what }
condition-unsupported = The condition uses something that conditions do not have: { $what }
condition-not-boolean = The condition does not come out as true or false.
