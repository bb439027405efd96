# Lo que dice un informe.

report-title = Informe
report-period = { $from } a { $to }
report-made = Hecho el { $at } · días de { $zone }
report-all-merchants = Todos los vendedores
report-of-merchant = Vendedor: { $merchant }
report-received = Pedidos recibidos
report-sold = Pedidos vendidos
report-revenue = Ingresos
report-average = Pedido medio
report-short-now = Unidades que faltan ahora
report-short-products = { $count ->
    [one] de { $count } producto
   *[other] de { $count } productos
}
report-nothing = Nada en estos días.
report-nothing-short = No falta nada.
report-nothing-rejected = Todo lo que llegó fue aceptado.
report-over-time = En el tiempo
report-revenue-by-day = Ingresos por día
report-revenue-by-month = Ingresos por mes
report-orders-by-day = Pedidos recibidos por día
report-orders-by-month = Pedidos recibidos por mes
report-outcomes = Qué pasó con los pedidos
report-not-taken = Lo que no fue aceptado
report-products = Productos más vendidos
report-shortages = Productos que faltan ahora
report-times = Tiempo hasta que el pedido está completo
report-times-note = Exacto, por el rango más cercano: el tiempo en que la mitad, 90 y 99 de cada 100 pedidos estuvieron completos.
report-half = La mitad de los pedidos
report-of-100 = { $part } de 100
report-rules = Cuánto sumaron las reglas de precio
report-rules-note = Negativo se concede, positivo se añade. De los pedidos que valen.
report-day = Día
report-month = Mes
report-orders = Pedidos
report-share = Parte
report-inputs = Entradas
report-rule-set = Conjunto de reglas
report-waiting-orders = Pedidos en espera
report-waiting-since = Desde
report-shipping = Envío
report-tax = Impuestos
report-discount = Descuentos
report-all = Todos
report-sum = Suma
report-numbers = Números
report-footnote = Los ingresos cuentan las compras que valen: confirmadas, pendientes o entregadas, como están ahora, el día en que llegaron. Los pedidos rechazados, fallidos o cancelados, y los que esperan una verificación externa, no suman nada. Los importes son exactos al céntimo; barras y líneas se dibujan al píxel.
report-written = el informe está en { $path }
report-no-period = --from no puede ser posterior a --to, y un informe es de { $days } días como máximo
report-no-merchant = --merchant acepta de 1 a 128 bytes sin caracteres de control
report-no-amount = "{ $text }" en la respuesta no es un importe
