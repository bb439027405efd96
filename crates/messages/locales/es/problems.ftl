# Problemas: un título y qué saber o hacer al respecto.

problem-malformed-title = Documento ilegible
problem-malformed = El contenido no se pudo leer ({ $about }).

problem-invalid-title = Documento inválido
problem-invalid = El contenido incumple las reglas listadas en 'violations'.

problem-bad_parameter-title = Parámetro inválido
problem-bad_parameter = El parámetro '{ $about }' es desconocido, repetido o inválido.

problem-unsupported_filters-title = Filtros incompatibles
problem-unsupported_filters = Esta combinación de filtros no se ofrece; se ofrecen: { $about }.

problem-unauthorized-title = Clave necesaria
problem-unauthorized = Indique una clave de API válida en 'Authorization: Bearer' o 'X-Api-Key'.

problem-forbidden-title = Sin permiso
problem-forbidden = Esta clave de API no tiene el alcance '{ $about }'.

problem-no_route-title = Dirección inexistente
problem-no_route = No hay nada en esta dirección.

problem-not_found-title = No encontrado
problem-not_found = No existe nada con este nombre.

problem-method_not_allowed-title = Método no permitido
problem-method_not_allowed = Esta dirección no acepta este método.

problem-body_timeout-title = Tiempo agotado
problem-body_timeout = El contenido no llegó a tiempo.

problem-body_broken-title = Contenido interrumpido
problem-body_broken = El contenido terminó antes del final anunciado.

problem-duplicate-title = Orden duplicada
problem-duplicate = Este vendedor ya envió una orden con este número; vale la primera.

problem-ambiguous_order-title = Número ambiguo
problem-ambiguous_order = Varios vendedores tienen una orden con este número; indique 'merchant_id'.

problem-wrong_state-title = El estado no lo permite
problem-wrong_state = En el estado '{ $about }' esto no se puede hacer.

problem-would_reject-title = Modificación sin stock
problem-would_reject = La orden modificada sería rechazada por falta de stock; queda como está.

problem-stale_revision-title = Revisión superada
problem-stale_revision = La orden está en la revisión { $about }; léala de nuevo antes de modificarla.

problem-too_many_revisions-title = Demasiadas modificaciones
problem-too_many_revisions = La orden ya tiene { $about } revisiones, el máximo.

problem-other_order-title = Otra orden
problem-other_order = El documento modificado nombra otra orden u otro vendedor.

problem-bad_idempotency_key-title = Clave de idempotencia inválida
problem-bad_idempotency_key = 'Idempotency-Key' debe venir una vez, con 1 a 255 caracteres ASCII visibles.

problem-idempotency_key_reused-title = Clave ya usada
problem-idempotency_key_reused = Esta 'Idempotency-Key' ya se usó con otro contenido; no se hizo nada.

problem-below_reserved-title = Por debajo de lo reservado
problem-below_reserved = Quedaría menos de lo ya reservado; use "release": "newest" para liberar las reservas más nuevas.

problem-stock_out_of_range-title = Stock fuera de los límites
problem-stock_out_of_range = El stock no puede ser negativo ni superar diez mil millones de unidades.

problem-too_many_releases-title = Demasiadas reservas
problem-too_many_releases = Habría que liberar demasiadas reservas a la vez; ajuste en pasos más pequeños.

problem-batch_conflict-title = Lote en conflicto
problem-batch_conflict = Este número de lote ya se usó para otro contenido.

problem-too_large-title = Contenido demasiado grande
problem-too_large = El contenido supera el límite ({ $about }).

problem-unsupported_media_type-title = Tipo no admitido
problem-unsupported_media_type = Solo se aceptan: { $about }; sin Content-Encoding.

problem-unsupported_command-title = Comando no ofrecido
problem-unsupported_command = Una modificación no puede cancelar la orden; use la dirección '/cancel'.

problem-too_many_requests-title = Demasiadas solicitudes
problem-too_many_requests = Se alcanzó el límite de solicitudes de este cliente.

problem-disk_full-title = Disco lleno
problem-disk_full = No hay espacio en disco para el lote; no se hizo nada.

problem-queue_full-title = Cola llena
problem-queue_full = Hay demasiadas órdenes en espera; no se hizo nada, intente de nuevo.

problem-disk_space-title = Poco espacio en disco
problem-disk_space = El espacio en disco está por debajo del mínimo seguro; no se hizo nada.

problem-batches_busy-title = Demasiados lotes
problem-batches_busy = No se pueden iniciar más lotes ahora; no se hizo nada.

problem-bad_statement-title = La consulta no puede responderse
problem-bad_statement = { $about }

problem-only_reading-title = Solo lectura
problem-only_reading = { $about }

problem-statement_limit-title = La consulta pide demasiado
problem-statement_limit = { $about }. Pida menos: menos días, menos columnas, o una suma.

problem-statements_busy-title = Demasiadas consultas
problem-statements_busy = Ya se ejecutan tantas consultas como se permite a la vez; no se hizo nada.

problem-no_lake-title = Nada que consultar
problem-no_lake = Las tablas no se pueden leer ahora, o no se guardan aquí (ajuste lake.enabled).

problem-not_offered-title = No se ofrece aquí
problem-not_offered = Esto no se ofrece donde se ejecuta la API: { $about }

not-offered-webhooks = los avisos van a temas (SNS); suscriba allí una dirección HTTPS.
not-offered-links = los enlaces a documentos son los del propio bucket y no hay un secreto nuestro que reemplazar.
not-offered-queries = el SQL se consulta sobre el lago en el bucket, con Redshift o lo que lea Parquet.
not-offered-followers = las funciones siguen el registro; CloudWatch dice cuánto atraso tienen.
not-offered-metrics = las cifras están en CloudWatch.
not-offered-events = las respuestas terminan con su función; siga los temas o los objetos de cambios en el bucket.
not-offered-batches = ponga el archivo en el bucket (inbox/) o inicie la máquina de estados de lotes.
not-offered-results = lo que pasó con cada elemento está en el bucket: en reports/ los archivos, en batches/ la máquina de estados.
not-offered-control = un lote se detiene y se repite donde se ejecuta: en Step Functions, o enviando de nuevo sus rechazos.

problem-outcome_unknown-title = Resultado desconocido
problem-outcome_unknown = No se sabe si se grabó; repita con el mismo número de orden.

problem-timeout-title = Tiempo agotado
problem-timeout = La respuesta tardó demasiado y el resultado se desconoce; repita con el mismo número de orden.

problem-shutting_down-title = Cerrando
problem-shutting_down = El servidor se está cerrando; no se hizo nada.

problem-internal-title = Error interno
problem-internal = Ocurrió un error nuestro; quedó registrado.

problem-order_not_found-title = Orden no encontrada
problem-order_not_found = No existe una orden con este número.

# El límite que se superó.

about-bytes = { $limit } bytes
about-rows = { $limit } filas

problem-link_unknown-title = Enlace inválido
problem-link_unknown = Este enlace no se emitió aquí, o fue alterado; pida otro.

problem-link_expired-title = Enlace vencido
problem-link_expired = El plazo de este enlace terminó; pida otro.

problem-already_settled-title = Ya terminada
problem-already_settled = Esta carta muerta ya terminó; no se hizo nada.

problem-not_redrivable-title = Sin reenvío
problem-not_redrivable = Las cartas muertas de este tipo no se reenvían: un endpoint desactivado se reactiva, y lo que un seguidor perdió se repite.

problem-payload_gone-title = Documento no guardado
problem-payload_gone = El documento de esta carta muerta no se guardó, o ya no está guardado; envíe uno en el cuerpo.

problem-payload_not_taken-title = Sin documento
problem-payload_not_taken = Lo que se reenvía se hace de nuevo a partir de la orden; no recibe documento.

problem-redrive_running-title = Otro en curso
problem-redrive_running = Muchas cartas muertas ya se están reenviando o descartando; espere o deténgalo.

problem-too_many_secrets-title = Demasiados secretos
problem-too_many_secrets = Demasiados secretos aún tienen enlaces válidos; use earlier=end para terminarlos todos.

problem-not_quotable-title = Sin cotización
problem-not_quotable = Solo se cotizan órdenes nuevas; esta modifica o cancela una orden.

problem-too_many_webhooks-title = Demasiados webhooks
problem-too_many_webhooks = Ya hay { $about } destinos de webhooks.
