# O que há de errado em um documento de regras de preço.

rules-malformed = As regras não são um documento JSON.
rules-required = Campo '{ $name }' é obrigatório.
rules-unknown-field = O campo '{ $name }' não existe aqui.
rules-duplicate-field = O campo '{ $name }' aparece duas vezes.
rules-wrong-type = Aqui deve haver { $expected }.
rules-empty-name = O valor não pode ser vazio.
rules-long-name = O valor pode ter no máximo { $limit } bytes.
rules-control-character = O valor contém um caractere de controle.
rules-bad-date = O valor deve ser uma data e hora com fuso, por exemplo 2025-01-09T09:28:37-03:00.
rules-not-a-number = O valor não é um número decimal.
rules-negative = O valor não pode ser negativo.
rules-too-large = O valor é grande demais.
rules-too-precise = O valor tem casas decimais demais.
rules-percentage = Uma porcentagem vai de 0 a 100.
rules-one-of = Informe exatamente um: '{ $first }' ou '{ $second }'.
rules-too-many = São permitidas no máximo { $limit } regras.
rules-too-many-names = São permitidos no máximo { $limit } nomes.
rules-unknown-channel = O canal '{ $name }' não existe; existem { $known }.
rules-unknown-effect = O efeito '{ $name }' não existe.
rules-unit-or-line = O valor deve ser 'unit' ou 'line'.
rules-duplicate-id = Outra regra já tem este identificador.
rules-empty-period = A regra termina antes de começar.
rules-amount = Há um valor negativo ou grande demais.
rules-tiers = As faixas começam em 1 ou mais e devem estar em ordem crescente.
rules-units = 'buy' e 'get' devem ser pelo menos 1.
rules-no-line = Este efeito vale para o pedido inteiro: sua condição não tem linha nem produto.

# O que deveria estar ali.

expected-text = um texto
expected-number = um número
expected-object = um objeto
expected-list = uma lista
expected-boolean = true ou false
expected-integer = um número inteiro
expected-decimal = um número decimal ou um texto com um

# O que há de errado em uma condição (CEL). As palavras do próprio analisador ficam em inglês.

condition-too-long = A condição pode ter no máximo { $limit } bytes.
condition-too-deep = A condição tem níveis de aninhamento demais.
condition-too-costly = A avaliação da condição poderia demorar demais.
condition-syntax = Erro de sintaxe na condição, linha { $line }, coluna { $column }: { $what }
condition-double = Números decimais não são permitidos em condições: valores são inteiros na menor unidade da moeda, como centavos.
condition-unknown = A condição usa '{ $name }', que não existe.
condition-types = As partes da condição não combinam: { $what }
condition-unsupported = A condição usa algo que condições não têm: { $what }
condition-not-boolean = O resultado da condição não é verdadeiro nem falso.
