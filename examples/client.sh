#!/usr/bin/env bash
# Comanda by curl: loads a small shop, places one order of each kind, restocks, runs a batch.
# Usage: examples/client.sh [URL]    (default http://127.0.0.1:8080; COMANDA_API_KEY if it asks)
set -euo pipefail
cd "$(dirname "$0")"
url=${1:-http://127.0.0.1:8080}
lang=${COMANDA_LANG:-pt-BR}    # pt-BR, es or en
seller=11222333000181

call() { # METHOD PATH [FILE [TYPE]]
  local args=(-sS -X "$1" "$url$2" -H "accept-language: $lang")
  [ -z "${COMANDA_API_KEY:-}" ] || args+=(-H "authorization: Bearer $COMANDA_API_KEY")
  [ $# -lt 3 ] || args+=(-H "content-type: ${4:-application/json}" --data-binary "@$3")
  curl "${args[@]}" -w '\n%{http_code}  '"$1 ${2//%/%%}"'\n\n'
}

call PUT  /v1/products          catalogue/products.jsonl application/x-ndjson
call POST /v1/stock             catalogue/stock.jsonl application/x-ndjson
call PUT  /v1/pricing-rules     catalogue/pricing-rules.json
call PUT  /v1/customers/CLI-42  catalogue/customer.json

for order in purchase simple transfer waits-for-stock untidy invalid; do
  call POST /v1/orders "orders/$order.json"
done

call POST /v1/stock/MOCHILA-20L/adjustments catalogue/restock.json
call GET  "/v1/orders/ORD-20260115-0002?merchant_id=$seller"
call GET  "/v1/orders?merchant_id=$seller&status=BACKORDERED"
call POST /v1/batches batches/batch.json
