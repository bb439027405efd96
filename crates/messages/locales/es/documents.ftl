# Qué está mal en una orden. Cada texto lleva el código de su regla.

violation-required = El campo '{ $field }' es obligatorio.
violation-wrong_type = El campo '{ $field }' debe ser { $expected }.
violation-conflicting_values = El campo '{ $field }' se informó más de una vez, con valores distintos.
violation-merchant_conflict = El campo '{ $field }' y el CNPJ de la empresa indican vendedores distintos.
violation-mixed_kinds = El documento mezcla una compra ('items') con una transferencia ('amount', 'fromAccount', 'toAccount').
violation-rows_apart = Las filas de la orden no están juntas en el archivo; agrúpelas.
violation-row_width = La fila del archivo tiene más o menos celdas que el encabezado.
violation-bad_quotes = Las comillas en la fila del archivo no cierran al final de una celda.
violation-not_utf8 = La fila del archivo no está en UTF-8; guarde el archivo como UTF-8.
violation-ambiguous_number = El campo '{ $field }' se puede leer de dos formas; escríbalo sin separador de miles.
violation-bad_name = El campo '{ $field }' contiene caracteres no permitidos.
violation-too_long = El campo '{ $field }' puede tener como máximo { $limit } bytes.
violation-empty_items = La orden debe tener al menos un producto.
violation-too_many_items = La orden puede tener como máximo { $limit } productos.
violation-too_many_coupons = La orden puede tener como máximo { $limit } cupones.
violation-not_a_number = El campo '{ $field }' no es un número válido.
violation-bad_quantity = El campo '{ $field }' debe ser un número entero mayor que cero.
violation-negative = El campo '{ $field }' no puede ser negativo.
violation-not_positive = El campo '{ $field }' debe ser mayor que cero.
violation-too_large = El campo '{ $field }' puede ser como máximo { $limit }.
violation-too_precise = El campo '{ $field }' tiene más de los seis decimales que se guardan.
violation-bad_date = El campo '{ $field }' no es una fecha válida; use, por ejemplo, 2025-01-09T09:28:37-03:00.
violation-unknown_status = El campo '{ $field }' no es un comando conocido; use 'Pendente', 'Alterar Pedido' o 'Cancela Pedido'.
violation-unknown_channel = El campo '{ $field }' debe ser web, mobile, atm, api, file, queue o batch.
violation-unknown_shortage_policy = El campo '{ $field }' debe ser partial, ship_complete o reject.
violation-bad_account = El campo '{ $field }' debe contener solo dígitos.
violation-same_account = El campo '{ $field }' debe ser distinto de la cuenta de origen.
violation-no_customer = Falta el cliente: informe 'customer' o 'customerId'.
violation-bad_cpf = El campo '{ $field }' no es un CPF válido.
violation-bad_cnpj = El campo '{ $field }' no es un CNPJ válido.
violation-bad_email = El campo '{ $field }' no es una dirección de correo electrónico válida.
violation-cep_state_mismatch = El campo '{ $field }': el CEP no pertenece al estado indicado.
violation-payment_mismatch = El campo '{ $field }' no coincide con el total de los productos, con o sin envío.
violation-delivery_before_order = El campo '{ $field }' es anterior a la fecha de la orden.
violation-malformed = El documento no es un objeto JSON válido.
violation-malformed-at = El documento no es un objeto JSON válido (línea { $line }, columna { $column }: { $reason }).
violation-total_out_of_range = El total de la orden supera el límite.
violation-internal_error = La orden no se pudo decidir por un error nuestro.
violation-unknown = El documento incumple la regla '{ $code }'.
violation-above-range = El campo '{ $field }' supera el valor máximo permitido.

# Por qué unos bytes no son un documento; otros motivos son del analizador, en inglés.

malformed-utf8 = no es UTF-8
malformed-depth = demasiados niveles de anidamiento
malformed-object = se esperaba un objeto JSON
malformed-object-or-array = se esperaba un objeto o una lista JSON
malformed-empty = vacío

# Qué está mal en una línea de productos, stock o clientes.

row-malformed = La línea no es un objeto JSON.
row-unknown_field = El campo '{ $field }' no existe aquí.
row-one_of = Indique exactamente uno: 'delta' u 'on_hand'.
row-too_many = El campo '{ $field }' tiene demasiados valores.
row-not_whole = El campo '{ $field }' debe ser un número entero.
row-not_texts = El campo '{ $field }' debe ser una lista de textos.

# Por qué una orden no siguió adelante.

rejection-out_of_stock = No hay stock suficiente.
rejection-unknown_sku = La orden contiene un producto sin registro de stock.
rejection-duplicate = El vendedor ya envió una orden con este número.
refusal-unknown_order = El vendedor no tiene ninguna orden con este número.
refusal-wrong_state = El estado de la orden ({ $status }) no lo permite.
refusal-stale_revision = La orden ya está en otra revisión.
refusal-too_many_revisions = La orden ya tiene todas las revisiones que puede tener.
