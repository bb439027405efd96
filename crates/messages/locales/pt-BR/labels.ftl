# Estados, como as pessoas os chamam.

order-INVALID = Inválido
order-RECEIVED = Recebido
order-PROCESSING = Em processamento
order-COMPLETED = Novo Pedido (confirmado)
order-BACKORDERED = Produto Pendente
order-REJECTED = Rejeitado
order-FAILED = Falhou
order-CANCELLED = Cancelado
order-FULFILLED = Entregue

line-OPEN = Em aberto
line-UNTRACKED = Sem controle de estoque
line-RESERVED = Reservado
line-BACKORDERED = Pendente
line-FULFILLED = Entregue

batch-RUNNING = Em andamento
batch-SUCCEEDED = Concluído
batch-FAILED = Falhou
batch-ABORTED = Interrompido

event-received = Recebido
event-priced = Preço calculado
event-amended = Alterado
event-allocated = Estoque alocado
event-steps_awaited = Aguarda verificações externas
event-step_taken_up = Verificação externa iniciada
event-step_passed = Verificação externa aprovada
event-step_removed = Verificação externa que não existe mais
event-step_ignored = Resposta que ninguém aguardava
event-failed = A verificação externa falhou
event-redriven = Verificações externas refeitas
event-rejected = Rejeitado
event-filled = Linhas pendentes atendidas
event-queued = Na fila do estoque
event-unreserved = Reserva desfeita
event-cancelled = Cancelado
event-fulfilled = Entregue
event-repeated = Enviado de novo
event-refused = Comando recusado
