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
event-rejected = Rechazada
event-filled = Líneas pendientes atendidas
event-queued = En cola de stock
event-unreserved = Reserva deshecha
event-cancelled = Cancelada
event-fulfilled = Entregada
event-repeated = Enviada de nuevo
event-refused = Comando rechazado
