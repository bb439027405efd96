# Lo que dicen los comandos.

rules-in-force = El conjunto de reglas { $version } está en vigor.
rules-sound = { $count ->
    [one] { $count } regla, correcta
   *[other] { $count } reglas, todas correctas
}
