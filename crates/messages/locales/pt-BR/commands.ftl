# O que os comandos dizem.

rules-in-force = O conjunto de regras { $version } está em vigor.
rules-sound = { $count ->
    [one] { $count } regra, correta
   *[other] { $count } regras, todas corretas
}

# Cabeçalhos de tabelas e nomes de dados.

word-order = Pedido
word-merchant = Vendedor
word-status = Situação
word-total = Total
word-channel = Canal
word-received = Recebido em
word-sku = SKU
word-quantity = Quantidade
word-unit-price = Preço unitário
word-base = Base
word-when = Quando
word-what = O quê
word-sequence = Seq.
word-kind = Tipo
word-customer = Cliente
word-batch = Lote
word-repeats = Repetições
word-waits-for = Aguarda
word-attempts = Tentativas
word-failed-at = Falhou em
word-on-hand = Em estoque
word-reserved = Reservado
word-available = Disponível
word-waiting = Em espera
word-description = Descrição
word-category = Categoria
word-price = Preço
word-succeeded = Aceitos
word-failed = Com erro
word-started = Início
word-ended = Fim
word-items = Itens
word-items-succeeded = aceitos
word-items-failed = com erro
word-items-skipped = ignorados (repetidos)
word-items-pending = pendentes
word-orders-by-status = Pedidos por situação
word-not-accepted = Não aceitos
word-gross = Bruto
word-discounts = Descontos
word-surcharges = Acréscimos
word-net = Líquido
word-units = Unidades
word-unpriced = Pedidos sem preço
word-stock-problems = Problemas de estoque
word-orders-per-second = Pedidos por segundo
word-rule = Regra
word-effects = Efeitos
word-amount = Valor
word-missing = Em falta
word-id = Identificador
word-scope = Escopo
word-created = Criada em
word-would-be = Ficaria
word-because = Porque
word-on = Sobre
word-wanted = Pedido
word-where = Onde
word-setting = Configuração
word-value = Valor
word-from = Origem
word-priced-again = Pedidos calculados de novo
word-that-differ = que diferem
word-without-a-price = sem preço, antes ou depois
word-out-of-range = fora dos limites com estas regras
word-left-out-transfers = Não considerados: transferências
word-left-out-not-taken = Não considerados: rejeitados, cancelados, com falha
word-left-out-own-rules = Não considerados: com as regras do próprio lote
word-left-out-unreadable = Não considerados: não são mais lidos como pedido
word-total-as-priced = Total como calculado
word-total-by-these-rules = Total com estas regras
word-difference = Diferença
word-effects-before = Efeitos antes
word-amount-before = Valor antes
word-effects-after = Efeitos depois
word-amount-after = Valor depois
word-not-evaluated = Não avaliados
word-before = Antes
word-after = Depois
word-reason = Motivo
word-table = Tabela
word-rows = Linhas
word-superseded = Substituídas
word-files = Arquivos
word-error = Último erro
word-settled = Encerradas
word-still-open = Ainda abertas
word-audit-sequence = Sequência
word-source = Origem
word-bytes = Bytes
word-code = Código
word-item = Item
word-documents = Documentos
word-since = Desde
word-blake3 = BLAKE3
word-blake3-first = BLAKE3 do primeiro
word-blake3-last = BLAKE3 do último

# O que os comandos dizem e fazem.

said-listening = escutando em { $url }
said-listening-sql = clientes do PostgreSQL: { $url }
ask-dlq-purge = Descartar { $count } cartas mortas abertas? Elas continuam registradas. [s/N]
said-more = continua: --cursor { $cursor }
said-products-stored = { $count ->
    [one] { $count } produto gravado
   *[other] { $count } produtos gravados
}
said-stock-stored = { $count ->
    [one] { $count } contagem de estoque gravada
   *[other] { $count } contagens de estoque gravadas
}
said-shortages = Faltas de estoque (as { $count } maiores)
said-differ-most = Pedidos que mais diferem ({ $count })
said-why = Por quê
said-short = Em falta
said-warnings = Avisos
said-shipping = frete
said-tax = imposto
said-progress = { $done } prontos  { $failed } com erro  { $skipped } ignorados  { $rate }/s
said-eta = restantes
said-batch-repeat = este conteúdo já foi processado antes: este foi o resultado
said-batch-resumed = retomado após o item { $item }, onde uma execução anterior parou
said-key-shown-once = exibida uma única vez; um servidor em execução passa a aceitá-la quando for reiniciado
said-key-revoked = revogada; um servidor em execução a esquece quando for reiniciado
said-links-rotated = os links passam a ser assinados com um novo segredo
said-man-pages = as páginas de manual estão em { $path }
said-backup-made = { $to } tem todas as mudanças até o byte { $position } do log: { $files } arquivos, { $copied } bytes copiados, { $linked } vinculados
said-restored = { $to } é o armazenamento de { $taken }, até o byte { $position } do seu log
said-lake = manifesto { $version }: o log até { $until } em { $segments } segmentos, { $bytes } bytes
said-lake-rebuilt = refeito: { $rows } versões de pedidos em { $segments } segmentos, { $bytes } bytes; { $removed } arquivos anteriores removidos
said-settings-sound = corretas: { $count } configurações, { $file }
said-waits-step = a verificação externa { $step }, desde { $since }
said-waits-stock = estoque de { $products }
said-no-file = não há arquivo
said-only-counted = mais { $count }, apenas contados
said-no-document = (o documento não foi guardado, ou já não está guardado)
said-unknown-variable = { $name }: nenhuma configuração tem esta variável
said-reservations = { $rate } reservas/s: { $reserved } reservadas, { $waiting } em espera

# O que o doctor encontrou. Os detalhes de uma falha ficam em inglês.

doctor-looked-at = { $verdict } { $check }: { $count } examinados
doctor-sound = certo 
doctor-faulty = FALHA 
doctor-records = todo registro do log está íntegro
doctor-originals = todo pedido existe uma vez, sob o seu número
doctor-states = a situação de todo pedido decorre das suas mudanças
doctor-money = linhas, regras e totais fecham até o centavo
doctor-stock = os contadores batem com as somas do estoque, nada vendido além
doctor-queues = quem espera estoque está na fila dele, uma vez
doctor-lists = as listas de pedidos e de entradas inválidas estão completas
doctor-batches = o ponto de controle de todo lote conta os itens que existem
doctor-letters = cada carta morta está registrada e terminou no máximo uma vez
doctor-followers = até onde cada seguidor chegou pode ser lido e é uma mudança no log

# Por que um comando não conseguiu. As causas vêm após dois-pontos; as do sistema são palavras dele.

no-read = não foi possível ler { $path }
no-write = não foi possível gravar { $path }
no-create = não foi possível criar { $path }
no-listen = não foi possível escutar em { $address }
no-call = não foi possível acessar { $url }
no-send = não foi possível enviar o arquivo
no-json = a resposta não é JSON
no-held = { $error }, que não diz onde escuta; encerre-o ou informe o endereço com --server URL
no-dlq-filter = diga quais cartas mortas (--kind, --source, --batch …), ou --all para todas as abertas
no-dlq-yes = nada foi descartado: responda s, ou use --yes
no-doctor-held = { $error }; encerre o servidor antes: a verificação exige o armazenamento em repouso
no-keys-beyond = escutar em { $address }, fora desta máquina, exige chaves de API: crie uma com `comanda --data-dir { $path } keys create --scope admin`
no-lake = não é possível usar o lago de dados
no-lake-here = não há lago de dados: lake.enabled é "no"
no-lake-files = as últimas linhas do lago de dados não estão em arquivos: { $why }
no-lake-rebuild-held = o servidor em { $url } grava o lago de dados; pare-o antes
no-archive = não é possível usar o arquivo { $address }
unusable-queue = não é possível usar a fila { $name }
half-key = { $place }: access_key e secret_key andam juntos: informe os dois ou nenhum
unfit-address = { $address } não é um endereço
archive-folder = a pasta dele não existe; crie-a antes
archive-prefix = o prefixo dele deve ser um caminho simples de até { $bytes } bytes
no-such-key = não existe a chave { $id }
no-scope = --scope aceita read, write ou admin
no-batch-id = --batch-id aceita de 1 a 128 bytes sem caracteres de controle
no-batch-other-content = o lote { $id } foi executado com outro conteúdo; escolha outro --batch-id
no-batch-end = o lote não chegou ao fim; execute-o de novo para continuar
no-batch-rules = um servidor está com o armazenamento: ele aceita regras dentro do documento (`pricingRules`), ou encerre-o para usar --rules
no-batch-input = não foi possível ler a entrada do lote
no-backup-here = a cópia é feita onde estão os arquivos do armazenamento: execute-a lá, não por { $url }
no-in-the-way = { $path } está no caminho; remova-o
no-demo-folder = { $path } existe e não foi criado por uma demonstração; informe outro --data-dir
no-other-currency = os valores em { $path } estão em { $stored }, orders.currency diz { $set }
no-backup-place = { $path } não está vazia; indique uma pasta que não existe
no-backup-store = { $path } não é um armazenamento
no-backup-finished = { $path } não é um backup concluído: falta o MANIFEST
no-backup-file = falta { $name } no backup
no-backup-length = { $name } do backup não tem mais o tamanho que tinha
no-backup-content = { $name } do backup não é o que foi escrito
no-backup-shrank = { $name } do armazenamento é mais curto do que deve ser; tente de novo
no-backup-format = "{ $found }" é de uma versão posterior, que esta não conhece
no-backup-sound = o que foi restaurado não confere: { $faults }
no-use = não é possível usar { $path }
no-store-held = o armazenamento em { $path } está com outro processo
no-store-format = o armazenamento em { $path } diz "{ $found }"; esta versão lê até "{ $known }"
no-store-files = não foi possível abrir os arquivos do armazenamento
no-store-log = não foi possível abrir o log
no-store-index = não foi possível abrir o índice
no-store-update = não foi possível atualizar o índice
no-store-read = não foi possível ler o que está gravado: { $why }
no-room = o espaço em disco está abaixo do mínimo seguro
no-queue = há pedidos demais esperando; nada foi feito
no-outcome = o resultado é desconhecido; repita com o mesmo número
no-ledger = o armazenamento está fechado
no-cursor = o cursor não corresponde a nenhuma mudança
no-such-file = o arquivo ou a pasta não existe
no-permission = este usuário não tem permissão para isso
no-address = o endereço já está em uso
no-answer = ninguém responde lá
no-space = o disco está cheio

# O passeio de `comanda demo`.

demo-store = Um armazenamento próprio em { $path }; o servidor escuta em { $url }
demo-stays = O servidor continua no ar. Ctrl-C o encerra.
demo-catalogue = 1. Catálogo, estoque e regras
demo-catalogue-is = 10.000 produtos de três vendedores, seu estoque, 8 regras de preço
demo-orders = 2. Pedidos por REST, um de cada tipo
demo-full = um pedido completo
demo-again = o mesmo de novo
demo-simple = um pedido simples
demo-transfer = uma transferência
demo-short = mais do que há
demo-invalid = um inválido
demo-restock = 3. Uma reposição: o pedido que esperava é atendido
demo-now = { $order } agora está { $status }
demo-batch = 4. Um lote de { $orders } pedidos com regras próprias
demo-batch-is = 3 % deles com defeito, 2 % repetidos, alguns produtos escassos
demo-look = Dê uma olhada:
demo-start-page = a página inicial
demo-one-order = um pedido, com seu histórico

# Files of orders.

files-repeat = { $name }: este conteúdo já foi processado
files-refused = { $name }: { $why }
files-more = mais: --from { $from }
files-none = { $path }: nenhum arquivo de pedidos
files-cell = linha { $line } coluna { $column }: { $message }
word-file = Arquivo
word-skipped = Ignorados
word-rejects = Rejeitados
word-line = Linha
word-outcome = Resultado
word-why = Por quê
word-format = Formato
said-no-followers = ninguém segue o log
said-follower-enabled = { $name } volta a entregar
word-follower = Seguidor
word-behind-changes = Atraso
word-behind-seconds = Segundos
word-next-try = Próxima tentativa
word-last-error = Último erro
follower-running = ativo
follower-held = retido
follower-crowded = lotado
follower-disabled = desativado
follower-damaged = danificado
follower-not-driven = parado


# Webhooks.

said-webhook-removed = { $id } não recebe mais avisos
said-webhook-secret = com isto o receptor de { $id } confere as assinaturas; exibido uma única vez
said-webhook-replayed = { $count ->
    [one] { $count } mudança é vista de novo
   *[other] { $count } mudanças são vistas de novo
}
said-webhook-rest = há mais: continue com --since { $since }
no-webhook-answer = o destino não aceitou a mensagem: { $error }
word-address = Endereço
word-kinds = Tipos
word-attempt = Tentativa
word-ms = ms
word-per-second = Por segundo
word-at-once = Ao mesmo tempo
word-signing = Assinatura
word-secret-number = Número do segredo
word-previous-until = Segredo anterior até
said-webhook-letters = { $count ->
    [one] { $count } carta morta é reenviada
   *[other] { $count } cartas mortas são reenviadas
}
# Notices: what would be told, and the mail server.

no-mail-server = não foi possível usar o servidor de e-mail { $host }
no-email-settings = nenhum servidor de e-mail está configurado: informe email.host e email.from
no-email-address = { $address } não é um endereço de e-mail
no-test-sent = a mensagem de teste não foi enviada: { $reason }
said-test-sent = A mensagem de teste para { $to } foi aceita por { $host }.
word-to = Para
word-subject = Assunto
word-language = Idioma

# `comanda sql`.

no-whole-answer = A resposta foi interrompida antes do fim
no-parquet-to-terminal = Um arquivo Parquet não é para um terminal; indique um arquivo com --out
no-table-to-file = Uma tabela é para pessoas; para um arquivo escolha --format csv, json ou parquet
no-utf8-statement = A consulta não é UTF-8
no-sql = Não é possível responder SQL
said-lake-follows = Atualizando as tabelas
said-rows = { $count ->
    [one] { $count } linha
   *[other] { $count } linhas
}
said-rows-cut = { $count ->
    [one] { $count } linha, e há mais: --rows diz quantas se querem
   *[other] { $count } linhas, e há mais: --rows diz quantas se querem
}
said-answer-written = { $path } foi gravado ({ $size })
