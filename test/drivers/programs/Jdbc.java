import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Objects;
import java.util.Properties;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;

/** PostgreSQL's JDBC driver against one address: HOST PORT DATABASE CA_FILE. Prints a line for each check that holds. */
public class Jdbc {
  private static String url;
  private static String ca;

  public static void main(String[] args) throws Exception {
    url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/" + args[2];
    ca = args[3];
    logins();
    tls();
    types("1");
    types("-1");
    prepared();
    fetchSize();
    batches();
    copies();
    transactions();
    notifications();
    cancel();
    largeObjects();
    metadata();
    for (String mode : new String[] {"simple", "extended", "extendedForPrepared", "extendedCacheEverything"}) {
      queryMode(mode);
    }
  }

  private static Connection connect(String user, String password, String... more) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", user);
    if (password != null) properties.setProperty("password", password);
    properties.setProperty("sslmode", "disable");
    for (int at = 0; at < more.length; at += 2) properties.setProperty(more[at], more[at + 1]);
    return DriverManager.getConnection(url, properties);
  }

  private static Connection connect() throws SQLException {
    return connect("postgres", null);
  }

  private static void check(String name, Object got, Object expected) {
    if (!Objects.equals(got, expected)) throw new AssertionError(name + ": " + got + " is not " + expected);
    System.out.println("ok " + name);
  }

  private static Object one(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getObject(1);
    }
  }

  private static void logins() throws SQLException {
    String[][] roles = {
      {"battery_trust", null}, {"battery_clear", "pw-clear"}, {"battery_md5", "pw-md5"}, {"battery_scram", "pw-scram"}
    };
    for (String[] role : roles) {
      try (Connection connection = connect(role[0], role[1])) {
        check("login " + role[0], one(connection, "select current_user::text"), role[0]);
      }
    }
    try {
      connect("battery_scram", "wrong").close();
      throw new AssertionError("a wrong password was taken");
    } catch (SQLException error) {
      check("wrong password", error.getSQLState(), "28P01");
    }
  }

  private static void tls() throws SQLException {
    for (String mode : new String[] {"allow", "prefer", "require", "verify-ca"}) {
      try (Connection connection = connect("battery_scram", "pw-scram", "sslmode", mode, "sslrootcert", ca)) {
        check("tls " + mode, one(connection, "select 1"), 1);
      }
    }
  }

  /** Binary transfer begins after `threshold` executions; -1 forces it from the first. */
  private static void types(String threshold) throws SQLException {
    try (Connection connection = connect("postgres", null, "prepareThreshold", threshold)) {
      String sql = "select ?::int2, ?::int4, ?::int8, ?::float4, ?::float8, ?::numeric, ?::bool, ?::text, ?::bytea, "
          + "?::uuid, ?::date, ?::timestamptz, ?::int4[], ?::text";
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        for (int round = 0; round < 4; round++) {
          byte[] bytes = new byte[256];
          for (int at = 0; at < 256; at++) bytes[at] = (byte) at;
          UUID uuid = UUID.fromString("12345678-1234-5678-1234-567812345678");
          OffsetDateTime time = OffsetDateTime.of(2024, 2, 29, 12, 30, 15, 123456000, ZoneOffset.UTC);
          statement.setShort(1, (short) 7);
          statement.setInt(2, -5);
          statement.setLong(3, 1L << 62);
          statement.setFloat(4, 1.5f);
          statement.setDouble(5, 0.1);
          statement.setBigDecimal(6, new BigDecimal("12345678901234567890.123456789"));
          statement.setBoolean(7, true);
          statement.setString(8, "Grüße 漢字 🙂");
          statement.setBytes(9, bytes);
          statement.setObject(10, uuid);
          statement.setObject(11, LocalDate.of(2024, 2, 29));
          statement.setObject(12, time);
          statement.setArray(13, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
          statement.setNull(14, java.sql.Types.VARCHAR);
          try (ResultSet row = statement.executeQuery()) {
            row.next();
            Array array = row.getArray(13);
            Object[] got = {
              row.getShort(1), row.getInt(2), row.getLong(3), row.getFloat(4), row.getDouble(5), row.getBigDecimal(6),
              row.getBoolean(7), row.getString(8), Arrays.equals(row.getBytes(9), bytes), row.getObject(10),
              row.getObject(11, LocalDate.class), row.getObject(12, OffsetDateTime.class).toInstant(),
              Arrays.asList((Integer[]) array.getArray()), row.getString(14)
            };
            Object[] expected = {
              (short) 7, -5, 1L << 62, 1.5f, 0.1, new BigDecimal("12345678901234567890.123456789"), true,
              "Grüße 漢字 🙂", true, uuid, LocalDate.of(2024, 2, 29), time.toInstant(), Arrays.asList(1, null, 3), null
            };
            check("types, threshold " + threshold + ", round " + round, Arrays.asList(got), Arrays.asList(expected));
          }
        }
      }
    }
  }

  private static void prepared() throws SQLException {
    try (Connection connection = connect(); PreparedStatement statement = connection.prepareStatement("select ? + 1")) {
      int sum = 0;
      for (int n = 0; n < 100; n++) {
        statement.setInt(1, n);
        try (ResultSet row = statement.executeQuery()) {
          row.next();
          sum += row.getInt(1);
        }
      }
      check("prepared statement, 100 times", sum, 5050);
      check("statements are prepared in the session",
          (Long) one(connection, "select count(*) from pg_prepared_statements") >= 1, true);
    }
  }

  private static void fetchSize() throws SQLException {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false);
      for (int size : new int[] {1, 10, 1000}) {
        try (Statement statement = connection.createStatement()) {
          statement.setFetchSize(size);
          long sum = 0;
          try (ResultSet rows = statement.executeQuery("select generate_series(1, 2000)")) {
            while (rows.next()) sum += rows.getInt(1);
          }
          check("fetch size " + size, sum, 2001000L);
        }
      }
      try (Statement statement = connection.createStatement()) {
        statement.setMaxRows(5);
        int rows = 0;
        try (ResultSet result = statement.executeQuery("select generate_series(1, 2000)")) {
          while (result.next()) rows++;
        }
        check("max rows", rows, 5);
      }
      connection.commit();
      try (Statement statement = connection.createStatement()) {
        int bytes = 0;
        try (ResultSet rows = statement.executeQuery("select repeat('x', 1000) from generate_series(1, 20000)")) {
          while (rows.next()) bytes += rows.getString(1).length();
        }
        check("20 MB result", bytes, 20_000_000);
      }
    }
  }

  private static void batches() throws SQLException {
    for (String rewrite : new String[] {"false", "true"}) {
      try (Connection connection = connect("postgres", null, "reWriteBatchedInserts", rewrite);
          Statement plain = connection.createStatement()) {
        plain.execute("create temp table t (a int primary key, b text)");
        try (PreparedStatement statement = connection.prepareStatement("insert into t values (?, ?)")) {
          for (int n = 0; n < 2000; n++) {
            statement.setInt(1, n);
            statement.setString(2, "row " + n);
            statement.addBatch();
          }
          check("batch, rewrite " + rewrite, statement.executeBatch().length, 2000);
        }
        check("batch, rewrite " + rewrite + ", rows", one(connection, "select count(*) from t"), 2000L);
        try (PreparedStatement statement = connection.prepareStatement("insert into t values (?, 'again')")) {
          for (int n : new int[] {3000, 5, 3001}) {
            statement.setInt(1, n);
            statement.addBatch();
          }
          statement.executeBatch();
          throw new AssertionError("a duplicate was taken");
        } catch (BatchUpdateException error) {
          check("batch with an error, rewrite " + rewrite, error.getSQLState(), "23505");
        }
        String insert = "insert into t (a) select 5000 + n from generate_series(1, 3) n";
        try (PreparedStatement keys = connection.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
          keys.executeUpdate();
          int rows = 0;
          try (ResultSet generated = keys.getGeneratedKeys()) {
            while (generated.next()) rows++;
          }
          check("generated keys, rewrite " + rewrite, rows, 3);
        }
      }
    }
  }

  private static void copies() throws Exception {
    try (Connection connection = connect(); Statement plain = connection.createStatement()) {
      plain.execute("create temp table t (a int, b text)");
      CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
      StringBuilder data = new StringBuilder();
      for (int n = 0; n < 50_000; n++) data.append(n).append("\trow ").append(n).append('\n');
      check("COPY in", manager.copyIn("copy t from stdin", new StringReader(data.toString())), 50_000L);
      StringWriter out = new StringWriter();
      manager.copyOut("copy t to stdout", out);
      check("COPY out", out.toString(), data.toString());
      try {
        manager.copyIn("copy t from stdin", new StringReader("x\ty\n"));
        throw new AssertionError("bad data was taken");
      } catch (SQLException error) {
        check("COPY with an error", error.getSQLState(), "22P02");
      }
      check("after the COPY", one(connection, "select 1"), 1);
    }
  }

  private static void transactions() throws SQLException {
    try (Connection connection = connect(); Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("create temp table t (a int)");
      var savepoint = connection.setSavepoint();
      try {
        statement.execute("select 1/0");
      } catch (SQLException error) {
        check("error", error.getSQLState(), "22012");
      }
      connection.rollback(savepoint);
      statement.execute("insert into t values (1)");
      connection.commit();
      check("savepoint", one(connection, "select count(*) from t"), 1L);
      connection.commit();
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      connection.rollback();
      check("isolation", one(connection, "show transaction_isolation"), "serializable");
      connection.rollback();
    }
    try (Connection connection = connect("postgres", null, "autosave", "always")) {
      connection.setAutoCommit(false);
      one(connection, "select 1");
      try {
        one(connection, "select 1/0");
      } catch (SQLException error) {
        check("autosave", one(connection, "select 2"), 2);
      }
      connection.rollback();
    }
  }

  private static void notifications() throws SQLException {
    try (Connection listener = connect(); Connection sender = connect(); Statement notify = sender.createStatement();
        Statement listen = listener.createStatement()) {
      listen.execute("listen jdbc");
      notify.execute("notify jdbc, 'hello'");
      PGNotification[] got = listener.unwrap(PGConnection.class).getNotifications(30_000);
      check("notification", got.length + got[0].getName() + got[0].getParameter(), "1jdbchello");
      listen.execute("do $$begin raise warning 'heard'; end$$");
      check("warning", listen.getWarnings().getMessage(), "heard");
    }
  }

  private static void cancel() throws Exception {
    try (Connection connection = connect(); Connection other = connect();
        Statement statement = connection.createStatement()) {
      int pid = connection.unwrap(PGConnection.class).getBackendPID();
      Thread canceller = new Thread(() -> {
        try {
          String asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and pid = " + pid;
          while ((Long) one(other, asleep) == 0) Thread.sleep(10);
          statement.cancel();
        } catch (SQLException | InterruptedException error) {
          throw new IllegalStateException(error);
        }
      });
      canceller.start();
      try {
        statement.execute("select pg_sleep(60)");
        throw new AssertionError("nothing was cancelled");
      } catch (SQLException error) {
        check("cancel", error.getSQLState(), "57014");
      }
      canceller.join();
      check("goes on after a cancel", one(connection, "select 1"), 1);
      statement.setQueryTimeout(1);
      try {
        statement.execute("select pg_sleep(60)");
        throw new AssertionError("nothing timed out");
      } catch (SQLException error) {
        check("query timeout", error.getSQLState(), "57014");
      }
    }
  }

  private static void largeObjects() throws SQLException {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false);
      LargeObjectManager manager = connection.unwrap(PGConnection.class).getLargeObjectAPI();
      long oid = manager.createLO();
      try (LargeObject object = manager.open(oid)) {
        object.write(new byte[1 << 20]);
        object.seek(10);
        check("large object", object.read(2 << 20).length, (1 << 20) - 10);
      }
      manager.delete(oid);
      connection.commit();
    }
  }

  private static void metadata() throws SQLException {
    try (Connection connection = connect()) {
      int tables = 0;
      try (ResultSet rows = connection.getMetaData().getTables(null, "pg_catalog", "pg_cl%", null)) {
        while (rows.next()) tables++;
      }
      check("metadata", tables > 0, true);
    }
  }

  private static void queryMode(String mode) throws SQLException {
    try (Connection connection = connect("postgres", null, "preferQueryMode", mode);
        PreparedStatement statement = connection.prepareStatement("select ?::int + ?::int; select ?")) {
      statement.setInt(1, 40);
      statement.setInt(2, 2);
      statement.setString(3, "zwei");
      statement.execute();
      try (ResultSet row = statement.getResultSet()) {
        row.next();
        check("query mode " + mode, row.getInt(1), 42);
      }
      statement.getMoreResults();
      try (ResultSet row = statement.getResultSet()) {
        row.next();
        check("query mode " + mode + ", second result", row.getString(1), "zwei");
      }
    }
  }
}
