-- R11, R12, R27: revenue.

-- R12: all refunds of a purchase, at whatever time.
CREATE TABLE refunds AS
SELECT journey, purchase_id, sum(refunded) AS refunded
FROM standing
WHERE topic = 'journey.refund'
GROUP BY journey, purchase_id;

-- R11, R12: price x quantity, less all refunds, never below 0.
CREATE VIEW purchases AS
SELECT
    standing.journey, standing.fact_id AS purchase_id, standing.occurred_at AS purchased_at, standing.currency,
    CAST(
        greatest(standing.price * standing.quantity - coalesce(refunds.refunded, 0), 0) AS DECIMAL(38, 6)
    ) AS net
FROM standing
LEFT JOIN refunds ON refunds.journey = standing.journey AND refunds.purchase_id = standing.fact_id
WHERE standing.topic = 'journey.purchase';

-- R27: what corrections of an order leave of the purchases that it was recorded as. Each purchase loses what its line
-- gives back; an amount is taken off the first purchases that have anything left, one after the other.
CREATE TABLE corrected_purchases AS
WITH remaining AS (
    SELECT
        of_orders.journey, of_orders.order_id, of_orders.purchase_id, of_orders.place,
        greatest(purchases.net - coalesce(of_line.amount, 0), 0) AS net
    FROM purchases_of_orders AS of_orders
    JOIN purchases
        ON purchases.journey = of_orders.journey AND purchases.purchase_id = of_orders.purchase_id
    LEFT JOIN given_back_of_lines AS of_line
        ON of_line.journey = of_orders.journey AND of_line.order_id = of_orders.order_id
        AND of_line.place = of_orders.place
),
in_turn AS (
    SELECT
        remaining.*,
        sum(net) OVER (PARTITION BY journey, order_id ORDER BY place) - net AS net_of_those_before
    FROM remaining
)
SELECT
    in_turn.journey, in_turn.purchase_id,
    CAST(
        CASE
            WHEN given_back.is_whole THEN 0
            ELSE greatest(in_turn.net - greatest(given_back.amount - in_turn.net_of_those_before, 0), 0)
        END AS DECIMAL(38, 6)
    ) AS net
FROM in_turn
JOIN given_back ON given_back.journey = in_turn.journey AND given_back.order_id = in_turn.order_id;

-- R27: an order counts as a purchase; an order without a currency names no money, and does not count.
CREATE VIEW sales AS
SELECT
    purchases.journey, purchases.purchase_id, purchases.purchased_at, purchases.currency,
    coalesce(corrected.net, purchases.net) AS net, FALSE AS is_order
FROM purchases
LEFT JOIN corrected_purchases AS corrected
    ON corrected.journey = purchases.journey AND corrected.purchase_id = purchases.purchase_id
UNION ALL
SELECT journey, order_id AS purchase_id, ordered_at AS purchased_at, currency, net, TRUE AS is_order
FROM orders
WHERE currency IS NOT NULL;

-- R11: every purchase or order, of any product, inside the window of the primary conversion event of any receipt counts once;
-- R9: it is credited to the latest receipt whose window holds it.
CREATE TABLE judged_revenue AS
SELECT
    journey, app_group, campaign_id, purchase_id, purchased_at, currency, net, is_order,
    receipt_id, received_at, variant_id, control
FROM (
    SELECT
        receipts.journey, receipts.app_group, receipts.campaign_id,
        sales.purchase_id, sales.purchased_at, sales.currency, sales.net, sales.is_order,
        receipts.receipt_id, receipts.received_at, receipts.variant_id, receipts.control,
        row_number() OVER (
            PARTITION BY receipts.journey, receipts.campaign_id, sales.purchase_id
            ORDER BY receipts.received_at DESC, receipts.receipt_id DESC
        ) AS place
    FROM receipts
    JOIN campaigns
        ON campaigns.app_group = receipts.app_group AND campaigns.campaign_id = receipts.campaign_id
    JOIN sales
        ON sales.journey = receipts.journey
        AND sales.purchased_at >= receipts.received_at
        AND sales.purchased_at <= receipts.received_at + campaigns.revenue_window
) AS ordered
WHERE place = 1;
