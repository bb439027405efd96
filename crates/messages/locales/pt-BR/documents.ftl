# O que há de errado em um pedido. Cada texto leva o código da sua regra.

violation-required = Campo '{ $field }' é obrigatório.
violation-wrong_type = Campo '{ $field }' deve ser { $expected }.
violation-conflicting_values = Campo '{ $field }' foi informado mais de uma vez, com valores diferentes.
violation-merchant_conflict = Campo '{ $field }' e o CNPJ da empresa indicam vendedores diferentes.
violation-mixed_kinds = O documento mistura uma compra ('items') com uma transferência ('amount', 'fromAccount', 'toAccount').
violation-rows_apart = As linhas do pedido não estão juntas no arquivo; agrupe-as.
violation-row_width = A linha do arquivo tem mais ou menos células do que o cabeçalho.
violation-bad_quotes = As aspas na linha do arquivo não fecham no fim de uma célula.
violation-not_utf8 = A linha do arquivo não está em UTF-8; salve o arquivo como UTF-8.
violation-ambiguous_number = O campo '{ $field }' pode ser lido de duas formas; escreva-o sem separador de milhar.
violation-bad_name = Campo '{ $field }' contém caracteres não permitidos.
violation-too_long = Campo '{ $field }' pode ter no máximo { $limit } bytes.
violation-empty_items = O pedido deve ter pelo menos um item.
violation-too_many_items = O pedido pode ter no máximo { $limit } itens.
violation-too_many_coupons = O pedido pode ter no máximo { $limit } cupons.
violation-not_a_number = Campo '{ $field }' não é um número válido.
violation-bad_quantity = Campo '{ $field }' deve ser um número inteiro maior que zero.
violation-negative = Campo '{ $field }' não pode ser negativo.
violation-not_positive = Campo '{ $field }' deve ser maior que zero.
violation-too_large = Campo '{ $field }' pode ser no máximo { $limit }.
violation-too_precise = Campo '{ $field }' tem mais do que as seis casas decimais que são guardadas.
violation-bad_date = Campo '{ $field }' não é uma data válida; use, por exemplo, 2025-01-09T09:28:37-03:00.
violation-unknown_status = Campo '{ $field }' não é um comando conhecido; use 'Pendente', 'Alterar Pedido' ou 'Cancela Pedido'.
violation-unknown_channel = Campo '{ $field }' deve ser web, mobile, atm, api, file, queue ou batch.
violation-unknown_shortage_policy = Campo '{ $field }' deve ser partial, ship_complete ou reject.
violation-bad_account = Campo '{ $field }' deve conter somente dígitos.
violation-same_account = Campo '{ $field }' deve ser diferente da conta de origem.
violation-no_customer = Falta o cliente: informe 'customer' ou 'customerId'.
violation-bad_cpf = Campo '{ $field }' não é um CPF válido.
violation-bad_cnpj = Campo '{ $field }' não é um CNPJ válido.
violation-bad_email = Campo '{ $field }' não é um endereço de e-mail válido.
violation-cep_state_mismatch = Campo '{ $field }': o CEP não pertence ao estado informado.
violation-payment_mismatch = Campo '{ $field }' não corresponde ao total dos itens, com ou sem frete.
violation-delivery_before_order = Campo '{ $field }' é anterior à data do pedido.
violation-malformed = O documento não é um objeto JSON válido.
violation-malformed-at = O documento não é um objeto JSON válido (linha { $line }, coluna { $column }: { $reason }).
violation-total_out_of_range = O total do pedido passa do limite.
violation-internal_error = O pedido não pôde ser decidido por causa de um erro nosso.
violation-too_many_receives = A mensagem foi entregue vezes demais sem ser concluída.
violation-too_many_documents = A mensagem contém documentos demais.
violation-unknown = O documento viola a regra '{ $code }'.
violation-above-range = Campo '{ $field }' ultrapassa o maior valor permitido.

# Por que bytes não são um documento; outros motivos são do analisador, em inglês.

malformed-utf8 = não é UTF-8
malformed-depth = níveis de aninhamento demais
malformed-object = esperava-se um objeto JSON
malformed-object-or-array = esperava-se um objeto ou uma lista JSON
malformed-empty = vazio

# O que há de errado em uma linha de produtos, estoque ou clientes.

row-malformed = A linha não é um objeto JSON.
row-unknown_field = Campo '{ $field }' não existe aqui.
row-one_of = Informe exatamente um: 'delta' ou 'on_hand'.
row-too_many = Campo '{ $field }' tem valores demais.
row-not_whole = Campo '{ $field }' deve ser um número inteiro.
row-not_texts = Campo '{ $field }' deve ser uma lista de textos.
row-out_of_range = Campo '{ $field }' deve estar entre { $least } e { $most }.
row-bad_url = Campo '{ $field }' deve ser um endereço https da internet pública, sem usuário nem senha.
row-unknown_name = Campo '{ $field }' nomeia algo que não existe.

# Por que um pedido não foi adiante.

rejection-out_of_stock = Não há estoque suficiente.
rejection-unknown_sku = O pedido contém um produto sem registro de estoque.
rejection-step_refused = Uma verificação externa recusou o pedido.
rejection-duplicate = O vendedor já enviou um pedido com este número.
refusal-unknown_order = O vendedor não tem pedido com este número.
refusal-wrong_state = O estado do pedido ({ $status }) não permite.
refusal-stale_revision = O pedido já está em outra revisão.
refusal-too_many_revisions = O pedido já tem todas as revisões que pode ter.

# Por que a entrada de um lote não pode ser lida; o texto fica dentro de uma frase.

input-no-object = nem um objeto JSON nem uma lista
input-no-value = um campo não tem valor
input-one-array = 'orders' deve ser uma única lista
input-no-end = o documento não termina como um objeto JSON
input-no-orders = falta 'orders'
input-large-field = um campo é maior que 1 MiB
input-breaks-off = o documento termina no meio
input-open-array = a lista 'orders' não termina
input-trailing = há algo depois do documento
input-id-text = 'batchId' deve ser um texto
input-id-bytes = 'batchId' deve ter de 1 a 128 bytes
input-metadata = 'metadata' deve ser um objeto JSON de textos, números e booleanos
input-header-utf8 = o cabeçalho não está em UTF-8; salve o arquivo em UTF-8 ou converta-o com `iconv -f WINDOWS-1252 -t UTF-8`
input-header-large = o cabeçalho tem mais de { $bytes } bytes ou { $columns } colunas
input-header-quotes = as aspas do cabeçalho não formam pares
input-header-no-separator = o cabeçalho não tem separador: vírgula, ponto e vírgula ou tabulação
input-header-separators = o cabeçalho tem mais de um entre vírgula, ponto e vírgula e tabulação: qual deles separa?
input-header-no-id = nenhuma coluna do cabeçalho é o número do pedido: order_id, orderId, orderid ou id
input-header-twice = as colunas { $first } e { $second } do cabeçalho são o mesmo campo
input-header-parts = a coluna '{ $name }' tem partes; informe a parte, como customer.name ou address.city
