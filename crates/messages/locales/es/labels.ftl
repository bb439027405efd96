# Estados, como los llama la gente.

order-INVALID = Inválida
order-RECEIVED = Recibida
order-PROCESSING = En proceso
order-COMPLETED = Confirmada
order-BACKORDERED = Producto pendiente
order-REJECTED = Rechazada
order-FAILED = Fallida
order-CANCELLED = Cancelada
order-FULFILLED = Entregada

line-OPEN = Abierto
line-UNTRACKED = Sin control de stock
line-RESERVED = Reservado
line-BACKORDERED = Pendiente
line-FULFILLED = Entregado

batch-RUNNING = En curso
batch-SUCCEEDED = Terminado
batch-FAILED = Fallido
batch-ABORTED = Detenido

event-received = Recibida
event-priced = Precio calculado
event-amended = Modificada
event-allocated = Stock asignado
event-steps_awaited = Espera verificaciones externas
event-step_taken_up = Verificación externa iniciada
event-step_passed = Verificación externa superada
event-step_removed = Verificación externa que ya no existe
event-step_ignored = Respuesta que nadie esperaba
event-failed = La verificación externa falló
event-redriven = Verificaciones externas repetidas
event-rejected = Rechazada
event-filled = Líneas pendientes atendidas
event-queued = En cola de stock
event-unreserved = Reserva deshecha
event-cancelled = Cancelada
event-fulfilled = Entregada
event-repeated = Enviada de nuevo
event-refused = Comando rechazado
