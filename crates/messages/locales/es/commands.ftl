# Lo que dicen los comandos.

rules-in-force = El conjunto de reglas { $version } está en vigor.
rules-sound = { $count ->
    [one] { $count } regla, correcta
   *[other] { $count } reglas, todas correctas
}

# Encabezados de tablas y nombres de datos.

word-order = Orden
word-merchant = Vendedor
word-status = Estado
word-total = Total
word-channel = Canal
word-received = Recibida el
word-sku = SKU
word-quantity = Cantidad
word-unit-price = Precio unitario
word-base = Base
word-when = Cuándo
word-what = Qué
word-sequence = Sec.
word-kind = Tipo
word-customer = Cliente
word-batch = Lote
word-repeats = Repeticiones
word-waits-for = Espera
word-attempts = Intentos
word-failed-at = Falló en
word-on-hand = En stock
word-reserved = Reservado
word-available = Disponible
word-waiting = En espera
word-description = Descripción
word-category = Categoría
word-price = Precio
word-succeeded = Aceptadas
word-failed = Con error
word-started = Inicio
word-ended = Fin
word-items = Elementos
word-items-succeeded = aceptados
word-items-failed = con error
word-items-skipped = omitidos (repetidos)
word-items-pending = pendientes
word-orders-by-status = Órdenes por estado
word-not-accepted = No aceptados
word-gross = Bruto
word-discounts = Descuentos
word-surcharges = Recargos
word-net = Neto
word-units = Unidades
word-unpriced = Órdenes sin precio
word-stock-problems = Problemas de stock
word-orders-per-second = Órdenes por segundo
word-rule = Regla
word-effects = Efectos
word-amount = Importe
word-missing = Faltan
word-id = Identificador
word-scope = Alcance
word-created = Creada el
word-would-be = Quedaría
word-because = Porque
word-on = Sobre
word-wanted = Pedido
word-where = Dónde
word-setting = Ajuste
word-value = Valor
word-from = Origen
word-priced-again = Órdenes calculadas de nuevo
word-that-differ = que difieren
word-without-a-price = sin precio, antes o después
word-out-of-range = fuera de los límites con estas reglas
word-left-out-transfers = Sin considerar: transferencias
word-left-out-not-taken = Sin considerar: rechazadas, canceladas, fallidas
word-left-out-own-rules = Sin considerar: con las reglas de su propio lote
word-left-out-unreadable = Sin considerar: ya no se leen como orden
word-total-as-priced = Total como se calculó
word-total-by-these-rules = Total con estas reglas
word-difference = Diferencia
word-effects-before = Efectos antes
word-amount-before = Importe antes
word-effects-after = Efectos después
word-amount-after = Importe después
word-not-evaluated = Sin evaluar
word-before = Antes
word-after = Después
word-reason = Motivo
word-table = Tabla
word-rows = Filas
word-superseded = Reemplazadas
word-files = Archivos
word-error = Último error
word-settled = Terminadas
word-still-open = Aún abiertas
word-audit-sequence = Secuencia
word-source = Origen
word-bytes = Bytes
word-code = Código
word-item = Elemento
word-documents = Documentos
word-since = Desde
word-blake3 = BLAKE3
word-blake3-first = BLAKE3 del primero
word-blake3-last = BLAKE3 del último

# Lo que los comandos dicen y hacen.

said-listening = escuchando en { $url }
said-listening-sql = clientes de PostgreSQL: { $url }
ask-dlq-purge = ¿Descartar { $count } cartas muertas abiertas? Quedan registradas. [s/N]
said-more = continúa: --cursor { $cursor }
said-products-stored = { $count ->
    [one] { $count } producto guardado
   *[other] { $count } productos guardados
}
said-stock-stored = { $count ->
    [one] { $count } recuento de stock guardado
   *[other] { $count } recuentos de stock guardados
}
said-shortages = Faltantes de stock (los { $count } mayores)
said-differ-most = Órdenes que más difieren ({ $count })
said-why = Por qué
said-short = Faltantes
said-warnings = Advertencias
said-shipping = envío
said-tax = impuesto
said-progress = { $done } listos  { $failed } con error  { $skipped } omitidos  { $rate }/s
said-eta = restantes
said-batch-repeat = este contenido ya se procesó antes: este fue el resultado
said-batch-resumed = reanudado después del elemento { $item }, donde se detuvo una ejecución anterior
said-key-shown-once = se muestra una sola vez; un servidor en marcha la acepta cuando se reinicie
said-key-revoked = revocada; un servidor en marcha la olvida cuando se reinicie
said-links-rotated = los enlaces se firman con un secreto nuevo
said-man-pages = las páginas de manual están en { $path }
said-backup-made = { $to } tiene todos los cambios hasta el byte { $position } del log: { $files } archivos, { $copied } bytes copiados, { $linked } enlazados
said-restored = { $to } es el almacén de { $taken }, hasta el byte { $position } de su log
said-lake = manifiesto { $version }: el log hasta { $until } en { $segments } segmentos, { $bytes } bytes
said-lake-rebuilt = hecho de nuevo: { $rows } versiones de pedidos en { $segments } segmentos, { $bytes } bytes; { $removed } archivos anteriores eliminados
said-settings-sound = correctos: { $count } ajustes, { $file }
said-waits-step = la verificación externa { $step }, desde { $since }
said-waits-stock = stock de { $products }
said-no-file = no hay archivo
said-only-counted = { $count } más, solo contados
said-no-document = (el documento no se guardó, o ya no está guardado)
said-unknown-variable = { $name }: ningún ajuste tiene esta variable
said-reservations = { $rate } reservas/s: { $reserved } reservadas, { $waiting } en espera

# Lo que encontró doctor. Los detalles de una falla quedan en inglés.

doctor-looked-at = { $verdict } { $check }: { $count } examinados
doctor-sound = bien  
doctor-faulty = FALLA 
doctor-records = todo registro del log está íntegro
doctor-originals = toda orden existe una vez, bajo su número
doctor-states = el estado de toda orden resulta de sus cambios
doctor-money = líneas, reglas y totales cuadran hasta el centavo
doctor-stock = los contadores coinciden con las sumas del stock, nada vendido de más
doctor-queues = quien espera stock está en su cola, una vez
doctor-lists = las listas de órdenes y de entradas inválidas están completas
doctor-batches = el punto de control de todo lote cuenta los elementos que existen
doctor-letters = cada carta muerta está registrada y terminó una vez como máximo
doctor-followers = hasta dónde llegó cada seguidor se puede leer y es un cambio en el log

# Por qué un comando no pudo. Las causas van tras dos puntos; las del sistema son sus palabras.

no-read = no se pudo leer { $path }
no-write = no se pudo escribir { $path }
no-create = no se pudo crear { $path }
no-listen = no se pudo escuchar en { $address }
no-call = no se pudo acceder a { $url }
no-send = no se pudo enviar el archivo
no-json = la respuesta no es JSON
no-held = { $error }, que no dice dónde escucha; deténgalo o indique su dirección con --server URL
no-dlq-filter = diga qué cartas muertas (--kind, --source, --batch …), o --all para todas las abiertas
no-dlq-yes = no se descartó nada: responda s, o use --yes
no-doctor-held = { $error }; detenga antes el servidor: la verificación exige el almacén en reposo
no-keys-beyond = escuchar en { $address }, fuera de esta máquina, exige claves de API: cree una con `comanda --data-dir { $path } keys create --scope admin`
no-lake = no se puede usar el lago de datos
no-lake-here = no hay lago de datos: lake.enabled es "no"
no-lake-files = las últimas filas del lago de datos no están en archivos: { $why }
no-lake-rebuild-held = el servidor en { $url } escribe el lago de datos; deténgalo primero
no-archive = no se puede usar el archivo { $address }
unusable-queue = no se puede usar la cola { $name }
half-key = { $place }: access_key y secret_key van juntos: indique ambos o ninguno
unfit-address = { $address } no es una dirección
archive-folder = su carpeta no existe; créela antes
archive-prefix = su prefijo debe ser una ruta simple de { $bytes } bytes como máximo
no-such-key = no existe la clave { $id }
no-scope = --scope acepta read, write o admin
no-batch-id = --batch-id acepta de 1 a 128 bytes sin caracteres de control
no-batch-other-content = el lote { $id } se ejecutó con otro contenido; elija otro --batch-id
no-batch-end = el lote no llegó a su fin; ejecútelo de nuevo para continuar
no-batch-rules = un servidor tiene el almacén: acepta reglas dentro del documento (`pricingRules`), o deténgalo para usar --rules
no-batch-input = no se pudo leer la entrada del lote
no-backup-here = la copia se hace donde están los archivos del almacén: ejecútela allí, no a través de { $url }
no-in-the-way = { $path } estorba; elimínelo
no-demo-folder = { $path } existe y no lo creó una demostración; indique otro --data-dir
no-other-currency = los importes en { $path } están en { $stored }, orders.currency dice { $set }
no-backup-place = { $path } no está vacía; indique una carpeta que no exista
no-backup-store = { $path } no es un almacén
no-backup-finished = { $path } no es una copia terminada: falta el MANIFEST
no-backup-file = falta { $name } en la copia
no-backup-length = { $name } de la copia ya no tiene el tamaño que tenía
no-backup-content = { $name } de la copia no es lo que se escribió
no-backup-shrank = { $name } del almacén es más corto de lo que debe ser; inténtelo de nuevo
no-backup-format = "{ $found }" es de una versión posterior, que esta no conoce
no-backup-sound = lo restaurado no cuadra: { $faults }
no-use = no se puede usar { $path }
no-store-held = el almacén en { $path } está en manos de otro proceso
no-store-format = el almacén en { $path } dice "{ $found }"; esta versión lee hasta "{ $known }"
no-store-files = no se pudieron abrir los archivos del almacén
no-store-log = no se pudo abrir el log
no-store-index = no se pudo abrir el índice
no-store-update = no se pudo actualizar el índice
no-store-read = no se pudo leer lo guardado: { $why }
no-room = el espacio en disco está por debajo del mínimo seguro
no-queue = hay demasiado en espera; no se hizo nada
no-outcome = el resultado se desconoce; repita con el mismo número
no-ledger = el almacén está cerrado
no-cursor = el cursor no corresponde a ningún cambio
no-such-file = el archivo o la carpeta no existe
no-permission = este usuario no tiene permiso para eso
no-address = la dirección ya está en uso
no-answer = nadie responde allí
no-space = el disco está lleno

# El recorrido de `comanda demo`.

demo-store = Un almacén propio en { $path }; el servidor escucha en { $url }
demo-stays = El servidor sigue en marcha. Ctrl-C lo detiene.
demo-catalogue = 1. Catálogo, stock y reglas
demo-catalogue-is = 10.000 productos de tres vendedores, su stock, 8 reglas de precio
demo-orders = 2. Órdenes por REST, una de cada tipo
demo-full = una orden completa
demo-again = la misma otra vez
demo-simple = una orden simple
demo-transfer = una transferencia
demo-short = más de lo que hay
demo-invalid = una inválida
demo-restock = 3. Una reposición: la orden que esperaba se atiende
demo-now = { $order } ahora está { $status }
demo-batch = 4. Un lote de { $orders } órdenes con reglas propias
demo-batch-is = 3 % de ellas defectuosas, 2 % repetidas, algunos productos escasos
demo-look = Eche un vistazo:
demo-start-page = la página inicial
demo-one-order = una orden, con su historia

# Files of orders.

files-repeat = { $name }: este contenido ya se procesó
files-refused = { $name }: { $why }
files-more = más: --from { $from }
files-none = { $path }: ningún archivo de órdenes
files-cell = línea { $line } columna { $column }: { $message }
word-file = Archivo
word-skipped = Omitidas
word-rejects = Rechazadas
word-line = Línea
word-outcome = Resultado
word-why = Por qué
word-format = Formato
said-no-followers = nadie sigue el log
said-follower-enabled = { $name } vuelve a entregar
word-follower = Seguidor
word-behind-changes = Atraso
word-behind-seconds = Segundos
word-next-try = Próximo intento
word-last-error = Último error
follower-running = activo
follower-held = retenido
follower-crowded = saturado
follower-disabled = desactivado
follower-damaged = dañado
follower-not-driven = detenido


# Webhooks.

said-webhook-removed = { $id } ya no recibe avisos
said-webhook-secret = con esto comprueba las firmas el receptor de { $id }; se muestra una sola vez
said-webhook-replayed = { $count ->
    [one] se revisa de nuevo { $count } cambio
   *[other] se revisan de nuevo { $count } cambios
}
said-webhook-rest = hay más: continúe con --since { $since }
no-webhook-answer = el destino no aceptó el mensaje: { $error }
word-address = Dirección
word-kinds = Tipos
word-attempt = Intento
word-ms = ms
word-per-second = Por segundo
word-at-once = A la vez
word-signing = Firma
word-secret-number = Número del secreto
word-previous-until = Secreto anterior hasta
said-webhook-letters = { $count ->
    [one] se reenvía { $count } carta muerta
   *[other] se reenvían { $count } cartas muertas
}
# Notices: what would be told, and the mail server.

no-mail-server = no se pudo usar el servidor de correo { $host }
no-email-settings = no hay servidor de correo configurado: indique email.host y email.from
no-email-address = { $address } no es una dirección de correo
no-test-sent = no se envió el mensaje de prueba: { $reason }
said-test-sent = { $host } aceptó el mensaje de prueba para { $to }.
word-to = Para
word-subject = Asunto
word-language = Idioma

# `comanda sql`.

no-whole-answer = La respuesta se cortó antes de su fin
no-parquet-to-terminal = Un archivo Parquet no es para una terminal; indique un archivo con --out
no-table-to-file = Una tabla es para personas; para un archivo elija --format csv, json o parquet
no-utf8-statement = La consulta no es UTF-8
no-sql = No se puede responder SQL
said-lake-follows = Actualizando las tablas
said-rows = { $count ->
    [one] { $count } fila
   *[other] { $count } filas
}
said-rows-cut = { $count ->
    [one] { $count } fila, y hay más: --rows dice cuántas se quieren
   *[other] { $count } filas, y hay más: --rows dice cuántas se quieren
}
said-answer-written = { $path } está escrito ({ $size })
