# Lo que dicen los correos.

mail-greeting = Hola, { $name }:
mail-footer = Enviado automáticamente por Comanda.
mail-more = y { $count } más

mail-received-subject = Orden { $order } recibida
mail-received = La orden se recibió y se está procesando.
mail-amended-subject = Orden { $order } modificada
mail-amended = La orden se modificó. Esto es lo que dice ahora.
mail-completed-subject = Orden { $order } confirmada
mail-completed = Todo lo que pide la orden está disponible y reservado.
mail-pending-subject = La orden { $order } espera stock
mail-pending = No todo lo que pide la orden está en stock. Conserva su lugar y sigue por sí sola en cuanto lleguen los productos.
mail-rejected-subject = Orden { $order } rechazada
mail-rejected = La orden no se pudo aceptar.
mail-failed-subject = La orden { $order } falló
mail-failed = Se agotaron todos los intentos de completar la orden. Está en las cartas muertas y se puede enviar de nuevo desde allí.
mail-cancelled-subject = Orden { $order } cancelada
mail-cancelled = La orden se canceló. Ya no hay nada reservado para ella.
mail-fulfilled-subject = Orden { $order } entregada
mail-fulfilled = Los productos se entregaron.
mail-reason = Motivo: { $reason }

mail-order = Orden
mail-seller = Vendedor
mail-date = Recibida
mail-status = Estado
mail-revision = Revisión
mail-items = Artículos
mail-goods = Productos
mail-discounts = Descuentos
mail-surcharges = Recargos
mail-shipping = Envío
mail-tax = Impuestos
mail-total = Total
mail-amount = Importe
mail-from-account = Cuenta de origen
mail-to-account = Cuenta de destino
mail-missing = { $wanted } pedidos, { $available } en stock

mail-invalid-subject = { $count ->
    [one] { $count } documento no era una orden válida
   *[other] { $count } documentos no eran órdenes válidas
}
mail-invalid = Entre { $from } y { $until } llegaron datos que no eran órdenes válidas. Quedaron registrados, y a los remitentes se les dijo qué estaba mal.
mail-invalid-at-least = Pudo haber más.
mail-invalid-codes = Lo que estaba mal
mail-invalid-first = Los primeros
mail-invalid-no-id = sin número de orden
mail-invalid-where = `comanda audits list` los muestra todos.

mail-batch-subject = Lote { $batch }: { $status }
mail-batch = El lote terminó.
mail-batch-name = Lote
mail-batch-succeeded = Correctos
mail-batch-failed = Fallidos
mail-batch-skipped = Omitidos (repetidos)
mail-batch-items = Elementos
mail-batch-began = Inicio
mail-batch-ended = Fin
mail-batch-where = `comanda batch show { $batch }` muestra el resumen, `comanda batch results { $batch }` cada elemento.

mail-alert-subject = { $count ->
    [one] { $count } mensaje no entregado (dead letter)
   *[other] { $count } mensajes no entregados (dead letters)
}
mail-alert = Desde { $since } algo no pudo completarse. Está guardado entre los mensajes no entregados (dead letters), desde donde puede reenviarse.
mail-alert-kinds = Qué son
mail-alert-sources = De dónde vienen
mail-alert-where = `comanda dlq list` muestra los mensajes, `comanda dlq redrive` los reenvía.

mail-test-subject = Mensaje de prueba de Comanda
mail-test = El correo funciona: este mensaje llegó por el camino de los avisos.
