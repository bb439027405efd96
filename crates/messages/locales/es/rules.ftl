# Qué está mal en un documento de reglas de precio.

rules-malformed = Las reglas no son un documento JSON.
rules-required = El campo '{ $name }' es obligatorio.
rules-unknown-field = El campo '{ $name }' no existe aquí.
rules-duplicate-field = El campo '{ $name }' aparece dos veces.
rules-wrong-type = Aquí debe haber { $expected }.
rules-empty-name = El valor no puede estar vacío.
rules-long-name = El valor puede tener como máximo { $limit } bytes.
rules-control-character = El valor contiene un carácter de control.
rules-bad-date = El valor debe ser una fecha y hora con zona, por ejemplo 2025-01-09T09:28:37-03:00.
rules-not-a-number = El valor no es un número decimal.
rules-negative = El valor no puede ser negativo.
rules-too-large = El valor es demasiado grande.
rules-too-precise = El valor tiene demasiados decimales.
rules-percentage = Un porcentaje va de 0 a 100.
rules-one-of = Indique exactamente uno: '{ $first }' o '{ $second }'.
rules-too-many = Se permiten como máximo { $limit } reglas.
rules-too-many-names = Se permiten como máximo { $limit } nombres.
rules-unknown-channel = El canal '{ $name }' no existe; existen { $known }.
rules-unknown-effect = El efecto '{ $name }' no existe.
rules-unit-or-line = El valor debe ser 'unit' o 'line'.
rules-duplicate-id = Otra regla ya tiene este identificador.
rules-empty-period = La regla termina antes de empezar.
rules-amount = Hay un importe negativo o demasiado grande.
rules-tiers = Los tramos empiezan en 1 o más y deben estar en orden ascendente.
rules-units = 'buy' y 'get' deben ser al menos 1.
rules-no-line = Este efecto vale para toda la orden: su condición no tiene línea ni producto.

# Qué debería haber allí.

expected-text = un texto
expected-number = un número
expected-object = un objeto
expected-list = una lista
expected-boolean = true o false
expected-integer = un número entero
expected-decimal = un número decimal o un texto con uno

# Qué está mal en una condición (CEL). Las palabras del propio analizador quedan en inglés.

condition-too-long = La condición puede tener como máximo { $limit } bytes.
condition-too-deep = La condición tiene demasiados niveles de anidamiento.
condition-too-costly = La evaluación de la condición podría tardar demasiado.
condition-syntax = Error de sintaxis en la condición, línea { $line }, columna { $column }: { $what }
condition-double = No se permiten números decimales en las condiciones: los importes son enteros en la unidad mínima de la moneda, como centavos.
condition-unknown = La condición usa '{ $name }', que no existe.
condition-types = Las partes de la condición no combinan: { $what }
condition-unsupported = La condición usa algo que las condiciones no tienen: { $what }
condition-not-boolean = El resultado de la condición no es verdadero ni falso.
