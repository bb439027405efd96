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
