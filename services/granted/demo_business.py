"""The demo business database: two small companies in one place, so that a newcomer has something to query."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    Date,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    func,
    select,
)  # fmt: skip
from sqlalchemy.engine import Connection

_METADATA = MetaData()


def _tenant_table(name: str, *columns: Any, parents: Mapping[str, str] | None = None) -> Table:
    """References carry the tenant: a row cannot lean on another tenant's."""
    references = [
        ForeignKeyConstraint(
            ["tenant_id", column], [f"{parent}.tenant_id", f"{parent}.id"], name=f"{name}_{column}_fkey"
        )
        for column, parent in (parents or {}).items()
    ]
    return Table(
        name,
        _METADATA,
        Column("id", Integer, primary_key=True),
        Column("tenant_id", String(36), nullable=False),
        *columns,
        UniqueConstraint("tenant_id", "id", name=f"{name}_tenant_key"),
        *references,
    )


CLIENTS = _tenant_table(
    "clients",
    Column("name", String(200), nullable=False),
    Column("email", String(200), nullable=False),
    Column("city", String(100)),
    Column("created_on", Date, nullable=False, server_default=func.current_date()),
    UniqueConstraint("tenant_id", "email", name="clients_email_key"),
)
PRODUCTS = _tenant_table(
    "products",
    Column("sku", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("price", Numeric(12, 2, asdecimal=False), nullable=False),
    Column("stock", Integer, nullable=False),
    UniqueConstraint("tenant_id", "sku", name="products_sku_key"),
)
ORDERS = _tenant_table(
    "orders",
    Column("client_id", Integer, nullable=False),
    Column("product_id", Integer, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("total", Numeric(12, 2, asdecimal=False), nullable=False),
    Column("status", String(20), nullable=False, server_default="new"),
    Column("ordered_on", Date, nullable=False, server_default=func.current_date()),
    parents={"client_id": "clients", "product_id": "products"},
)
PAYMENTS = _tenant_table(
    "payments",
    Column("order_id", Integer, nullable=False),
    Column("amount", Numeric(12, 2, asdecimal=False), nullable=False),
    Column("method", String(20), nullable=False),
    Column("paid_on", Date, nullable=False, server_default=func.current_date()),
    parents={"order_id": "orders"},
)

_CLIENTS = {
    "acme": [
        ("Aziza Karimova", "aziza@samarkand-textile.uz", "Samarqand"), ("ООО «Чинор Строй»", "zakaz@chinor.example", "Ташкент"),
        ("Northwind Traders", "orders@northwind.example", "London"), ("Jasur Toʻrayev", "jasur@buxoro-ipak.uz", "Buxoro"),
        ("Ольга Смирнова", "olga@vostok.example", "Алматы"), ("Oʻktam Rahimov", "oktam@fargona-don.uz", "Fargʻona"),
    ],
    "globex": [
        ("Globex Retail GmbH", "einkauf@globex-retail.example", "Berlin"), ("Dilnoza Yusupova", "dilnoza@xiva-gilam.uz", "Xiva"),
        ("ЗАО «Северный Ветер»", "info@sever.example", "Казань"), ("Sherzod Aliyev", "sherzod@nukus-agro.uz", "Nukus"),
        ("Мария Ким", "maria@silkroad.example", "Бишкек"),
    ],
}  # fmt: skip
_PRODUCTS = {
    "acme": [
        ("CH-01", "Choynak, koʻk gulli", "85000.00", 140), ("PL-02", "Пиала ручной работы", "32000.00", 600),
        ("SZ-03", "Suzani wall hanging", "1250000.00", 12), ("PC-04", "Pichoq, Chust", "210000.00", 45),
    ],
    "globex": [
        ("GL-10", "Gilam 2×3 m", "4800000.00", 9), ("AD-11", "Адрас, метр", "145000.00", 320),
        ("LM-12", "Ceramic lamp", "390000.50", 31),
    ],
}  # fmt: skip
_STATUSES = ("new", "paid", "paid", "shipped", "paid", "cancelled")
_METHODS = ("card", "cash", "transfer")


def create_demo_business(url: str, tenants: Mapping[str, str]) -> None:
    """Makes the tables where they are missing and fills them for tenants that have no rows. `tenants`: slug -> tenant id."""
    engine = create_engine(url)
    try:
        with engine.begin() as db:
            _METADATA.create_all(db)
            for slug, tenant_id in tenants.items():
                if slug in _CLIENTS and not _has_rows(db, tenant_id):
                    _fill(db, slug, tenant_id)
    finally:
        engine.dispose()


def _has_rows(db: Connection, tenant_id: str) -> bool:
    return bool(db.scalar(select(func.count()).select_from(CLIENTS).where(CLIENTS.c.tenant_id == tenant_id)))


def _fill(db: Connection, slug: str, tenant_id: str) -> None:
    clients = _added(db, CLIENTS, tenant_id, [
        {"name": name, "email": email, "city": city, "created_on": date(2026, 1 + n, 3 + 2 * n)}
        for n, (name, email, city) in enumerate(_CLIENTS[slug])
    ])  # fmt: skip
    products = _added(db, PRODUCTS, tenant_id, [
        {"sku": sku, "name": name, "price": float(price), "stock": stock} for sku, name, price, stock in _PRODUCTS[slug]
    ])  # fmt: skip
    orders = [_order(n, clients, products, _PRODUCTS[slug]) for n in range(24)]
    payments = [
        {"order_id": order_id, "amount": order["total"], "method": _METHODS[n % 3], "paid_on": order["ordered_on"]}
        for n, (order_id, order) in enumerate(zip(_added(db, ORDERS, tenant_id, orders), orders, strict=True))
        if order["status"] in ("paid", "shipped")
    ]
    _added(db, PAYMENTS, tenant_id, payments)


def _added(db: Connection, table: Table, tenant_id: str, rows: list[dict[str, Any]]) -> list[int]:
    """Adds the rows, one by one so that their order is sure; gives their ids."""
    added = (db.execute(table.insert().values(tenant_id=tenant_id, **row)).inserted_primary_key for row in rows)
    return [key[0] for key in added if key is not None]


def _order(n: int, clients: list[int], products: list[int], catalog: list[tuple[str, str, str, int]]) -> dict[str, Any]:
    quantity = 1 + n * 7 % 5
    return {
        "client_id": clients[n * 5 % len(clients)],
        "product_id": products[n % len(products)],
        "quantity": quantity,
        "total": float(Decimal(catalog[n % len(products)][2]) * quantity),
        "status": _STATUSES[n % len(_STATUSES)],
        "ordered_on": date(2026, 5 + n // 4, 1 + n),
    }
