# O que dizem os e-mails.

mail-greeting = Olá, { $name },
mail-footer = Enviado automaticamente pelo Comanda.
mail-more = e mais { $count }

mail-received-subject = Pedido { $order } recebido
mail-received = O pedido foi recebido e está sendo processado.
mail-amended-subject = Pedido { $order } alterado
mail-amended = O pedido foi alterado. É isto o que ele diz agora.
mail-completed-subject = Pedido { $order } confirmado
mail-completed = Tudo o que há no pedido está disponível e reservado.
mail-pending-subject = Pedido { $order } aguarda estoque
mail-pending = Nem tudo o que há no pedido está em estoque. Ele mantém o seu lugar e segue sozinho assim que os produtos chegarem.
mail-rejected-subject = Pedido { $order } rejeitado
mail-rejected = O pedido não pôde ser aceito.
mail-failed-subject = Pedido { $order } falhou
mail-failed = Todas as tentativas de concluir o pedido se esgotaram. Ele está nas cartas mortas e pode ser reenviado de lá.
mail-cancelled-subject = Pedido { $order } cancelado
mail-cancelled = O pedido foi cancelado. Nada mais está reservado para ele.
mail-fulfilled-subject = Pedido { $order } entregue
mail-fulfilled = Os produtos foram entregues.
mail-reason = Motivo: { $reason }

mail-order = Pedido
mail-seller = Vendedor
mail-date = Recebido
mail-status = Situação
mail-revision = Revisão
mail-items = Itens
mail-goods = Produtos
mail-discounts = Descontos
mail-surcharges = Acréscimos
mail-shipping = Frete
mail-tax = Impostos
mail-total = Total
mail-amount = Valor
mail-from-account = Conta de origem
mail-to-account = Conta de destino
mail-missing = { $wanted } pedidos, { $available } em estoque

mail-invalid-subject = { $count ->
    [one] { $count } documento não era um pedido válido
   *[other] { $count } documentos não eram pedidos válidos
}
mail-invalid = Entre { $from } e { $until } chegaram dados que não eram pedidos válidos. Foram registrados, e os remetentes foram avisados do que estava errado.
mail-invalid-at-least = Pode ter havido mais.
mail-invalid-codes = O que estava errado
mail-invalid-first = Os primeiros
mail-invalid-no-id = sem número de pedido
mail-invalid-where = `comanda audits list` mostra todos.

mail-batch-subject = Lote { $batch }: { $status }
mail-batch = O lote terminou.
mail-batch-name = Lote
mail-batch-succeeded = Concluídos
mail-batch-failed = Com falha
mail-batch-skipped = Ignorados (repetidos)
mail-batch-items = Itens
mail-batch-began = Início
mail-batch-ended = Fim
mail-batch-where = `comanda batch show { $batch }` mostra o resumo, `comanda batch results { $batch }` cada item.

mail-alert-subject = { $count ->
    [one] { $count } mensagem não entregue (dead letter)
   *[other] { $count } mensagens não entregues (dead letters)
}
mail-alert = Desde { $since } algo não pôde ser concluído. Está guardado entre as mensagens não entregues (dead letters), de onde pode ser reenviado.
mail-alert-kinds = O que são
mail-alert-sources = De onde vêm
mail-alert-where = `comanda dlq list` mostra as mensagens, `comanda dlq redrive` as reenvia.

mail-test-subject = Mensagem de teste do Comanda
mail-test = O e-mail funciona: esta mensagem veio pelo caminho dos avisos.
