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
violation-too_many_receives = El mensaje se entregó demasiadas veces sin llegar a su fin.
violation-too_many_documents = El mensaje contiene demasiados documentos.
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
row-out_of_range = El campo '{ $field }' debe estar entre { $least } y { $most }.
row-bad_url = El campo '{ $field }' debe ser una dirección https de la internet pública, sin usuario ni contraseña.
row-unknown_name = El campo '{ $field }' nombra algo que no existe.

# Por qué una orden no siguió adelante.

rejection-out_of_stock = No hay stock suficiente.
rejection-unknown_sku = La orden contiene un producto sin registro de stock.
rejection-step_refused = Una verificación externa rechazó la orden.
rejection-duplicate = El vendedor ya envió una orden con este número.
refusal-unknown_order = El vendedor no tiene ninguna orden con este número.
refusal-wrong_state = El estado de la orden ({ $status }) no lo permite.
refusal-stale_revision = La orden ya está en otra revisión.
refusal-too_many_revisions = La orden ya tiene todas las revisiones que puede tener.

# Por qué no se puede leer la entrada de un lote; el texto va dentro de una frase.

input-no-object = ni un objeto JSON ni una lista
input-no-value = un campo no tiene valor
input-one-array = 'orders' debe ser una sola lista
input-no-end = el documento no termina como un objeto JSON
input-no-orders = falta 'orders'
input-large-field = un campo supera 1 MiB
input-breaks-off = el documento se corta
input-open-array = la lista 'orders' no termina
input-trailing = hay algo después del documento
input-id-text = 'batchId' debe ser un texto
input-id-bytes = 'batchId' debe tener de 1 a 128 bytes
input-metadata = 'metadata' debe ser un objeto JSON de textos, números y booleanos
input-header-utf8 = el encabezado no está en UTF-8; guarde el archivo en UTF-8 o conviértalo con `iconv -f WINDOWS-1252 -t UTF-8`
input-header-large = el encabezado tiene más de { $bytes } bytes o { $columns } columnas
input-header-quotes = las comillas del encabezado no forman pares
input-header-no-separator = el encabezado no tiene separador: coma, punto y coma o tabulación
input-header-separators = el encabezado tiene más de uno entre coma, punto y coma y tabulación: ¿cuál separa?
input-header-no-id = ninguna columna del encabezado es el número de la orden: order_id, orderId, orderid o id
input-header-twice = las columnas { $first } y { $second } del encabezado son el mismo campo
input-header-parts = la columna '{ $name }' tiene partes; indique la parte, como customer.name o address.city
