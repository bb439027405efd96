//! The three sellers and their 10,000 products: the same whatever the seed, so that orders,
//! catalogue and stock of any run fit together.
//!
//! Never: two products of one SKU, or a price that an order and the catalogue tell differently.

use std::io::{self, Write};
use std::sync::LazyLock;

use super::random::{Random, Stream};
use super::text::{put, put_cents, put_number};
use super::write_each;

/// Products of all sellers together.
pub(super) const PRODUCTS: u64 = 10_000;

/// A seller.
pub(super) struct Seller {
    pub(super) name: &'static str,
    pub(super) cnpj: &'static str,
    /// The CNPJ without punctuation.
    pub(super) merchant: &'static str,
}

/// Product `n` belongs to seller `n % 3`. The last has a CNPJ with letters.
pub(super) const SELLERS: [Seller; 3] = [
    Seller { name: "Tech Solutions Ltda", cnpj: "12.345.678/0001-95", merchant: "12345678000195" },
    Seller {
        name: "Empório São Jorge S.A.",
        cnpj: "98.765.432/0001-98",
        merchant: "98765432000198",
    },
    Seller {
        name: "Ateliê Três Marias ME",
        cnpj: "12.ABC.345/01DE-35",
        merchant: "12ABC34501DE35",
    },
];

const SELLER_COUNT: u64 = SELLERS.len() as u64;

/// A product, with the text of an order's line up to the quantity ready to copy.
pub(super) struct Product {
    sku: String,
    description: String,
    category: &'static str,
    /// Price in cents.
    pub(super) price: u64,
    /// `{"product_id":…,"description":…,"quantity":`
    pub(super) line: String,
}

impl Product {
    pub(super) fn sku(&self) -> &str {
        &self.sku
    }
}

static CATALOGUE: LazyLock<Vec<Product>> = LazyLock::new(|| (0..PRODUCTS).map(product).collect());

/// A category's name and its goods, each with its lowest and highest price in reais.
type Category = (&'static str, [(&'static str, u64, u64); 5]);

const CATEGORIES: [Category; 8] = [
    (
        "eletronicos",
        [
            ("Smartphone", 899, 4_999),
            ("Fone de Ouvido Bluetooth", 79, 599),
            ("Caixa de Som Portátil", 99, 899),
            ("Relógio Inteligente", 199, 1_499),
            ("Câmera de Segurança Wi-Fi", 129, 499),
        ],
    ),
    (
        "informatica",
        [
            ("Teclado Mecânico", 149, 699),
            ("Mouse sem Fio", 39, 299),
            ("Monitor 27 Polegadas", 799, 2_499),
            ("SSD NVMe 1 TB", 299, 799),
            ("Impressora Multifuncional", 399, 1_299),
        ],
    ),
    (
        "cozinha",
        [
            ("Cafeteira Elétrica", 99, 599),
            ("Jogo de Panelas Antiaderente", 149, 799),
            ("Liquidificador", 89, 399),
            ("Garrafa Térmica 1 L", 35, 149),
            ("Faca do Chef", 29, 249),
        ],
    ),
    (
        "moda",
        [
            ("Camiseta de Algodão", 29, 99),
            ("Calça Jeans", 89, 299),
            ("Tênis de Corrida", 149, 699),
            ("Jaqueta Corta-Vento", 119, 399),
            ("Boné", 25, 89),
        ],
    ),
    (
        "livros",
        [
            ("Romance Brasileiro", 24, 79),
            ("Livro Infantil Ilustrado", 19, 69),
            ("Dicionário de Português", 39, 129),
            ("Livro de Receitas", 34, 149),
            ("Coletânea de Contos", 22, 89),
        ],
    ),
    (
        "mercado",
        [
            ("Café Torrado em Grãos 1 kg", 42, 119),
            ("Azeite de Oliva 500 ml", 29, 89),
            ("Castanha-do-Pará 500 g", 35, 79),
            ("Doce de Leite", 14, 39),
            ("Farinha de Mandioca 1 kg", 8, 19),
        ],
    ),
    (
        "casa",
        [
            ("Luminária de Mesa", 49, 249),
            ("Jogo de Lençóis Casal", 79, 349),
            ("Tapete de Algodão", 59, 299),
            ("Ventilador de Coluna", 129, 399),
            ("Organizador de Gavetas", 19, 79),
        ],
    ),
    (
        "brinquedos",
        [
            ("Quebra-Cabeça 1000 Peças", 39, 129),
            ("Boneca de Pano", 29, 119),
            ("Blocos de Montar", 49, 399),
            ("Jogo de Tabuleiro", 59, 249),
            ("Pião de Madeira", 9, 29),
        ],
    ),
];

const VARIANTS: [&str; 12] = [
    "Preto",
    "Branco",
    "Azul-Marinho",
    "Verde-Água",
    "Vermelho",
    "Amarelo",
    "Edição Especial",
    "Clássico",
    "Grafite",
    "Lilás",
    "Econômico",
    "Família",
];

/// Cents after the whole reais of a price.
const ENDINGS: [u64; 4] = [90, 99, 0, 50];

fn product(number: u64) -> Product {
    let random = &mut Random::at(0, Stream::Product, number);
    let (category, goods) = random.pick(&CATEGORIES);
    let (name, low, high) = random.pick(&goods);
    let price = (low + random.below(high - low + 1)) * 100 + random.pick(&ENDINGS);
    let sku = format!("PRD-{:05}", number + 1);
    let variant = random.pick(&VARIANTS);
    let description = format!("{name} {variant} (ref. {})", 1_000 + random.below(9_000));
    let line = format!(r#"{{"product_id":"{sku}","description":"{description}","quantity":"#);
    Product { sku, description, category, price, line }
}

/// Products of one seller.
fn products_of(seller: u64) -> u64 {
    (PRODUCTS - seller).div_ceil(SELLER_COUNT)
}

/// Strides between neighbours in popularity: primes, so that every product gets one rank.
const STRIDE: u64 = 1_237;

/// The product at a place of a seller's list of best sellers, 0 the most popular.
fn by_rank(seller: u64, rank: u64) -> u64 {
    (rank * STRIDE + 41) % products_of(seller) * SELLER_COUNT + seller
}

/// Draws a product of a seller: half of all draws favour the popular (twice the rank, half the
/// chance), the other half takes any, so that no product stays unsold for long.
pub(super) fn draw(random: &mut Random, seller: usize) -> &'static Product {
    let (seller, count) = (seller as u64, products_of(seller as u64));
    let rank = if random.percent(50) {
        let magnitude = 1_u64 << random.below(u64::from(count.ilog2()) + 1);
        (magnitude - 1 + random.below(magnitude)) % count
    } else {
        random.below(count)
    };
    &CATALOGUE[by_rank(seller, rank) as usize]
}

/// Any product, whoever sells it.
pub(super) fn draw_any(random: &mut Random) -> &'static Product {
    let seller = random.below(SELLER_COUNT);
    draw(random, seller as usize)
}

/// Writes the catalogue, at most `count` products; all when `count` is 0.
pub(super) fn write_products(count: u64, out: &mut impl Write) -> io::Result<()> {
    write_each(0..rows(count), out, |number, out| {
        let product = &CATALOGUE[number as usize];
        put_key(out, number, product);
        put(out, r#"","description":""#);
        put(out, &product.description);
        put(out, r#"","category":""#);
        put(out, product.category);
        put(out, r#"","price":""#);
        put_cents(out, product.price);
        put(out, "\"}\n");
    })
}

/// Writes what is in stock of each product, at most `count` products; all when `count` is 0.
///
/// Enough for a million orders, but for every fiftieth place of a seller's best sellers, of which
/// 0 to 7 units are left.
pub(super) fn write_stock(seed: u64, count: u64, out: &mut impl Write) -> io::Result<()> {
    let mut ranks = vec![0; PRODUCTS as usize];
    for seller in 0..SELLER_COUNT {
        for rank in 0..products_of(seller) {
            ranks[by_rank(seller, rank) as usize] = rank;
        }
    }
    write_each(0..rows(count), out, |number, out| {
        let product = &CATALOGUE[number as usize];
        put_key(out, number, product);
        put(out, r#"","on_hand":"#);
        put_number(out, on_hand(seed, number, ranks[number as usize]));
        put(out, "}\n");
    })
}

fn on_hand(seed: u64, number: u64, rank: u64) -> u64 {
    let random = &mut Random::at(seed, Stream::Stock, number);
    if rank % 50 == 49 {
        return random.below(8);
    }
    5_000 + random.below(5_000) + 500_000 / (rank + 1)
}

fn rows(count: u64) -> u64 {
    if count == 0 { PRODUCTS } else { count.min(PRODUCTS) }
}

fn put_key(out: &mut Vec<u8>, number: u64, product: &Product) {
    put(out, r#"{"merchant_id":""#);
    put(out, SELLERS[(number % SELLER_COUNT) as usize].merchant);
    put(out, r#"","sku":""#);
    put(out, &product.sku);
}
