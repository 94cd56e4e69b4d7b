//! An hour that is over: its samples become one row for each process, and steps of five minutes and of an
//! hour, in one transaction.

use rusqlite::{Transaction, params_from_iter, types::Value as Sql};

use super::{
    Store, StoreError, codec,
    measure::{COUNT, Values},
    schema::{ONE_HOUR, TIERS, each},
};

/// A sample that is not rolled up yet.
struct Sample {
    hour: i64,
    series: i64,
    look: i64,
    values: Values,
}

impl Store {
    /// Rolls up all samples that are not of the hour of `at_ms`.
    pub(super) fn roll(&mut self, at_ms: i64) -> Result<(), StoreError> {
        let hour = at_ms.div_euclid(ONE_HOUR.step_ms);
        let not_now = format!("WHERE look.ts_ms / {} <> {hour}", ONE_HOUR.step_ms);
        let all = self.db.transaction()?;
        for tier in TIERS {
            let steps = tier.of_recent(&not_now);
            all.execute_batch(&format!("INSERT OR REPLACE INTO {}_step {steps}", tier.table))?;
        }
        pack(&all, &not_now)?;
        all.execute_batch(
            "UPDATE series SET last_ms = max(last_ms, seen.at) FROM (SELECT recent.series, max(look.ts_ms) AS at \
             FROM recent JOIN look ON look.id = recent.look GROUP BY 1) AS seen WHERE seen.series = series.id",
        )?;
        all.execute_batch(&format!(
            "DELETE FROM recent WHERE look IN (SELECT id FROM look {not_now})"
        ))?;
        Ok(all.commit()?)
    }
}

/// Puts each hour of each series into one row.
fn pack(all: &Transaction<'_>, condition: &str) -> Result<(), StoreError> {
    let columns = each(|it| format!("recent.{it}"));
    let mut select = all.prepare(&format!(
        "SELECT look.ts_ms / {}, series, look{columns} FROM recent JOIN look ON look.id = recent.look \
         {condition} ORDER BY 1, series, look",
        ONE_HOUR.step_ms
    ))?;
    let mut rows = select.query([])?;
    let mut samples: Vec<Sample> = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values: Values = [None; COUNT];
        for (at, value) in values.iter_mut().enumerate() {
            *value = row.get(3 + at)?;
        }
        let sample = Sample { hour: row.get(0)?, series: row.get(1)?, look: row.get(2)?, values };
        let is_next = samples
            .last()
            .is_some_and(|last| (last.hour, last.series) != (sample.hour, sample.series));
        if is_next {
            insert(all, &samples)?;
            samples.clear();
        }
        samples.push(sample);
    }
    insert(all, &samples)
}

fn insert(all: &Transaction<'_>, samples: &[Sample]) -> Result<(), StoreError> {
    let Some(first) = samples.first() else { return Ok(()) };
    // Looks are counted one after the other: less their place in the row they hardly ever change.
    let looks = samples.iter().zip(0_i64..).map(|(sample, at)| Some(sample.look - at));
    let blob = |column: Vec<Option<i64>>| codec::encode(&column).map_or(Sql::Null, Sql::Blob);
    let looks = blob(looks.collect());
    let columns = (0..COUNT).map(|at| blob(samples.iter().map(|it| it.values[at]).collect()));
    let head = [first.hour, first.series, samples.len() as i64].map(Sql::Integer);
    let names = each(ToOwned::to_owned);
    let marks = ", ?".repeat(COUNT);
    let sql = format!(
        "INSERT OR REPLACE INTO chunk (hour, series, samples, looks{names}) VALUES (?, ?, ?, ?{marks})"
    );
    let row = head.into_iter().chain([looks]).chain(columns);
    all.prepare_cached(&sql)?.execute(params_from_iter(row))?;
    Ok(())
}

/// Samples of one series in an hour, as (look, values); an error where its bytes make no sense.
pub(super) fn unpack(row: &rusqlite::Row<'_>) -> Result<Vec<(i64, Values)>, StoreError> {
    let damaged = || StoreError::Damaged("a packed hour cannot be read".to_owned());
    let count = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
    let looks: Vec<u8> = row.get(1)?;
    let looks = codec::decode(&looks).ok_or_else(damaged)?;
    if looks.len() != count {
        return Err(damaged());
    }
    let mut samples: Vec<(i64, Values)> = Vec::with_capacity(count);
    for (at, look) in (0_i64..).zip(looks) {
        samples.push((look.ok_or_else(damaged)? + at, [None; COUNT]));
    }
    for column in 0..COUNT {
        let Some(bytes) = row.get::<_, Option<Vec<u8>>>(2 + column)? else { continue };
        let values = codec::decode(&bytes).filter(|it| it.len() == count).ok_or_else(damaged)?;
        for (sample, value) in samples.iter_mut().zip(values) {
            sample.1[column] = value;
        }
    }
    Ok(samples)
}

/// The columns that [`unpack`] reads.
pub(super) fn packed_columns() -> String {
    format!("samples, looks{}", each(ToOwned::to_owned))
}
