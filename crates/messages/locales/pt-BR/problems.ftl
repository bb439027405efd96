# Problemas: um título e o que saber ou fazer a respeito.

problem-malformed-title = Documento ilegível
problem-malformed = O conteúdo não pôde ser lido ({ $about }).

problem-invalid-title = Documento inválido
problem-invalid = O conteúdo viola as regras listadas em 'violations'.

problem-bad_parameter-title = Parâmetro inválido
problem-bad_parameter = O parâmetro '{ $about }' é desconhecido, repetido ou inválido.

problem-unsupported_filters-title = Filtros incompatíveis
problem-unsupported_filters = Esta combinação de filtros não é oferecida; são oferecidas: { $about }.

problem-unauthorized-title = Chave necessária
problem-unauthorized = Informe uma chave de API válida em 'Authorization: Bearer' ou 'X-Api-Key'.

problem-forbidden-title = Sem permissão
problem-forbidden = Esta chave de API não tem o escopo '{ $about }'.

problem-no_route-title = Endereço inexistente
problem-no_route = Não há nada neste endereço.

problem-not_found-title = Não encontrado
problem-not_found = Não existe nada com este nome.

problem-method_not_allowed-title = Método não permitido
problem-method_not_allowed = Este endereço não aceita este método.

problem-body_timeout-title = Tempo esgotado
problem-body_timeout = O conteúdo não chegou a tempo.

problem-body_broken-title = Conteúdo interrompido
problem-body_broken = O conteúdo terminou antes do fim anunciado.

problem-duplicate-title = Pedido duplicado
problem-duplicate = Este vendedor já enviou um pedido com este número; vale o primeiro.

problem-ambiguous_order-title = Número ambíguo
problem-ambiguous_order = Vários vendedores têm um pedido com este número; informe 'merchant_id'.

problem-wrong_state-title = A situação não permite
problem-wrong_state = Na situação '{ $about }' isto não pode ser feito.

problem-would_reject-title = Alteração sem estoque
problem-would_reject = O pedido alterado seria rejeitado por falta de estoque; ele fica como está.

problem-stale_revision-title = Revisão superada
problem-stale_revision = O pedido está na revisão { $about }; leia-o de novo antes de alterar.

problem-too_many_revisions-title = Alterações demais
problem-too_many_revisions = O pedido já tem { $about } revisões, o máximo.

problem-other_order-title = Outro pedido
problem-other_order = O documento alterado nomeia outro pedido ou outro vendedor.

problem-bad_idempotency_key-title = Chave de idempotência inválida
problem-bad_idempotency_key = 'Idempotency-Key' deve vir uma vez, com 1 a 255 caracteres ASCII visíveis.

problem-idempotency_key_reused-title = Chave já usada
problem-idempotency_key_reused = Esta 'Idempotency-Key' já foi usada com outro conteúdo; nada foi feito.

problem-below_reserved-title = Abaixo do reservado
problem-below_reserved = Restaria menos do que já está reservado; use "release": "newest" para liberar as reservas mais novas.

problem-stock_out_of_range-title = Estoque fora dos limites
problem-stock_out_of_range = O estoque não pode ser negativo nem passar de dez bilhões de unidades.

problem-too_many_releases-title = Reservas demais
problem-too_many_releases = Seria preciso liberar reservas demais de uma vez; ajuste em passos menores.

problem-batch_conflict-title = Lote em conflito
problem-batch_conflict = Este número de lote já foi usado para outro conteúdo.

problem-too_large-title = Conteúdo grande demais
problem-too_large = O conteúdo passa do limite ({ $about }).

problem-unsupported_media_type-title = Tipo não suportado
problem-unsupported_media_type = São aceitos somente: { $about }; sem Content-Encoding.

problem-unsupported_command-title = Comando não oferecido
problem-unsupported_command = Uma alteração não pode cancelar o pedido; use o endereço '/cancel'.

problem-too_many_requests-title = Requisições demais
problem-too_many_requests = O limite de requisições deste cliente foi atingido.

problem-disk_full-title = Disco cheio
problem-disk_full = Não há espaço em disco para o lote; nada foi feito.

problem-queue_full-title = Fila cheia
problem-queue_full = Há pedidos demais esperando; nada foi feito, tente de novo.

problem-disk_space-title = Pouco espaço em disco
problem-disk_space = O espaço em disco está abaixo do mínimo seguro; nada foi feito.

problem-batches_busy-title = Lotes demais
problem-batches_busy = Não é possível iniciar mais lotes agora; nada foi feito.

problem-bad_statement-title = A consulta não pode ser respondida
problem-bad_statement = { $about }

problem-only_reading-title = Somente leitura
problem-only_reading = { $about }

problem-statement_limit-title = A consulta pede demais
problem-statement_limit = { $about }. Peça menos: menos dias, menos colunas, ou uma soma.

problem-statements_busy-title = Consultas demais
problem-statements_busy = Já há tantas consultas em andamento quanto é permitido; nada foi feito.

problem-no_lake-title = Nada a consultar
problem-no_lake = As tabelas não podem ser lidas agora, ou não são mantidas aqui (configuração lake.enabled).

problem-not_offered-title = Não oferecido aqui
problem-not_offered = Isto não é oferecido onde a API é executada: { $about }

not-offered-webhooks = os avisos vão para tópicos (SNS); inscreva ali um endereço HTTPS.
not-offered-links = os links de documentos são os do próprio bucket e não há um segredo nosso a substituir.
not-offered-queries = o SQL é consultado sobre o lago no bucket, com o Redshift ou o que mais ler Parquet.
not-offered-followers = as funções seguem o registro; o CloudWatch diz quanto estão atrasadas.
not-offered-metrics = os números estão no CloudWatch.
not-offered-events = as respostas terminam com sua função; siga os tópicos ou os objetos de mudanças no bucket.
not-offered-batches = coloque o arquivo no bucket (inbox/) ou inicie a máquina de estados de lotes.
not-offered-results = o que aconteceu com cada item está no bucket: em reports/ os arquivos, em batches/ a máquina de estados.
not-offered-control = um lote é parado e repetido onde é executado: no Step Functions, ou enviando de novo suas rejeições.

problem-outcome_unknown-title = Resultado desconhecido
problem-outcome_unknown = Não se sabe se a gravação ocorreu; repita com o mesmo número de pedido.

problem-timeout-title = Tempo esgotado
problem-timeout = A resposta demorou demais e o resultado é desconhecido; repita com o mesmo número de pedido.

problem-shutting_down-title = Encerrando
problem-shutting_down = O servidor está sendo encerrado; nada foi feito.

problem-internal-title = Erro interno
problem-internal = Ocorreu um erro nosso; ele foi registrado.

problem-order_not_found-title = Pedido não encontrado
problem-order_not_found = Não existe pedido com este número.

# O limite que foi ultrapassado.

about-bytes = { $limit } bytes
about-rows = { $limit } linhas

problem-link_unknown-title = Link inválido
problem-link_unknown = Este link não foi emitido aqui, ou foi alterado; peça outro.

problem-link_expired-title = Link expirado
problem-link_expired = O prazo deste link terminou; peça outro.

problem-already_settled-title = Já encerrada
problem-already_settled = Esta carta morta já foi encerrada; nada foi feito.

problem-not_redrivable-title = Sem reenvio
problem-not_redrivable = Cartas mortas deste tipo não são reenviadas: um endpoint desativado é reativado, e o que um seguidor perdeu é repetido.

problem-payload_gone-title = Documento não guardado
problem-payload_gone = O documento desta carta morta não foi guardado, ou já não está guardado; envie um no corpo.

problem-payload_not_taken-title = Sem documento
problem-payload_not_taken = O que se reenvia é feito de novo a partir do pedido; não recebe documento.

problem-redrive_running-title = Outro em andamento
problem-redrive_running = Muitas cartas mortas já estão sendo reenviadas ou descartadas; espere ou interrompa.

problem-too_many_secrets-title = Segredos demais
problem-too_many_secrets = Segredos demais ainda têm links válidos; use earlier=end para encerrar todos.

problem-not_quotable-title = Sem cotação
problem-not_quotable = Só pedidos novos podem ser cotados; este altera ou cancela um pedido.

problem-too_many_webhooks-title = Webhooks demais
problem-too_many_webhooks = Já há { $about } destinos de webhooks.
