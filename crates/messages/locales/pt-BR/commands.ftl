# O que os comandos dizem.

rules-in-force = O conjunto de regras { $version } está em vigor.
rules-sound = { $count ->
    [one] { $count } regra, correta
   *[other] { $count } regras, todas corretas
}
