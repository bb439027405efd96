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
