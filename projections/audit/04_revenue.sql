-- R11, R12: revenue.

-- R12: all refunds of a purchase, whenever they were.
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

-- R11: every purchase, of any product, inside the window of the primary conversion event of any receipt counts once;
-- R9: it is credited to the latest receipt whose window holds it.
CREATE TABLE judged_revenue AS
SELECT
    journey, app_group, campaign_id, purchase_id, purchased_at, currency, net,
    receipt_id, received_at, variant_id, control
FROM (
    SELECT
        receipts.journey, receipts.app_group, receipts.campaign_id,
        purchases.purchase_id, purchases.purchased_at, purchases.currency, purchases.net,
        receipts.receipt_id, receipts.received_at, receipts.variant_id, receipts.control,
        row_number() OVER (
            PARTITION BY receipts.journey, receipts.campaign_id, purchases.purchase_id
            ORDER BY receipts.received_at DESC, receipts.receipt_id DESC
        ) AS place
    FROM receipts
    JOIN campaigns
        ON campaigns.app_group = receipts.app_group AND campaigns.campaign_id = receipts.campaign_id
    JOIN purchases
        ON purchases.journey = receipts.journey
        AND purchases.purchased_at >= receipts.received_at
        AND purchases.purchased_at <= receipts.received_at + campaigns.revenue_window
) AS ordered
WHERE place = 1;
