# O que um relatório diz.

report-title = Relatório
report-period = { $from } a { $to }
report-made = Feito em { $at } · dias de { $zone }
report-all-merchants = Todos os vendedores
report-of-merchant = Vendedor: { $merchant }
report-received = Pedidos recebidos
report-sold = Pedidos vendidos
report-revenue = Receita
report-average = Pedido médio
report-short-now = Unidades em falta agora
report-short-products = { $count ->
    [one] de { $count } produto
   *[other] de { $count } produtos
}
report-nothing = Nada nestes dias.
report-nothing-short = Nada está em falta.
report-nothing-rejected = Tudo o que chegou foi aceito.
report-over-time = Ao longo do tempo
report-revenue-by-day = Receita por dia
report-revenue-by-month = Receita por mês
report-orders-by-day = Pedidos recebidos por dia
report-orders-by-month = Pedidos recebidos por mês
report-outcomes = O que aconteceu com os pedidos
report-not-taken = O que não foi aceito
report-products = Produtos mais vendidos
report-shortages = Produtos em falta agora
report-times = Tempo até o pedido ficar completo
report-times-note = Exato, pelo posto mais próximo: o tempo em que metade, 90 e 99 de cada 100 pedidos ficaram completos.
report-half = Metade dos pedidos
report-of-100 = { $part } de 100
report-rules = Quanto somaram as regras de preço
report-rules-note = Negativo é concedido, positivo é acrescentado. Dos pedidos que valem.
report-day = Dia
report-month = Mês
report-orders = Pedidos
report-share = Parte
report-inputs = Entradas
report-rule-set = Conjunto de regras
report-waiting-orders = Pedidos em espera
report-waiting-since = Desde
report-shipping = Frete
report-tax = Impostos
report-discount = Descontos
report-all = Todos
report-sum = Soma
report-numbers = Números
report-footnote = A receita conta as compras que valem: confirmadas, pendentes ou entregues, como estão agora, no dia em que chegaram. Pedidos rejeitados, com falha ou cancelados, e os que aguardam uma verificação externa, não somam nada. Os valores são exatos até o centavo; barras e linhas são desenhadas ao pixel.
report-written = o relatório está em { $path }
report-no-period = --from não pode ser depois de --to, e um relatório é de no máximo { $days } dias
report-no-merchant = --merchant aceita de 1 a 128 bytes sem caracteres de controle
report-no-amount = "{ $text }" na resposta não é um valor
