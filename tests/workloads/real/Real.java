import java.io.RandomAccessFile;
import java.util.Random;

/** What the real programs in Java share, as README.md describes it. */
final class Real {
    private static final double REPORT_EVERY = 55;
    private static final double REPORT_TAKES = 15;
    private static final int REPORT_PARTS = 4000;
    private static final int PART_BYTES = 10_000;
    final double rate;
    final double noise = setting("NOISE", 0.5);
    final double onset = setting("ONSET", 0);
    final double duration = setting("DURATION", 1e9);
    final Random random = new Random((long) setting("SEED", 1));
    long held;
    private byte[][] report;
    private final RandomAccessFile progress;
    private final long started = System.nanoTime();

    Real(double rate) throws Exception {
        this.rate = setting("RATE", rate);
        String path = System.getenv("PROGRESS");
        progress = path == null ? null : new RandomAccessFile(path, "rw");
    }

    private static double setting(String name, double otherwise) {
        String text = System.getenv(name);
        return text == null ? otherwise : Double.parseDouble(text);
    }

    double elapsed() {
        return (System.nanoTime() - started) / 1e9;
    }

    /** Waits for the next step; false when the program is to end. */
    boolean step() throws Exception {
        Thread.sleep(100);
        return elapsed() < duration;
    }

    /** How much is to be lost in this step. */
    double due() {
        double seconds = Math.max(0, elapsed() - onset);
        return (rate * seconds - held) * (1 - noise * random.nextDouble());
    }

    /** What a report needs for a while, every minute or so; nothing between reports. */
    byte[][] report() {
        double at = elapsed() % REPORT_EVERY;
        int wanted = at < REPORT_TAKES ? (int) (at / REPORT_TAKES * REPORT_PARTS) : 0;
        if (wanted == 0) report = null;
        else if (report == null) report = new byte[REPORT_PARTS][];
        for (int i = 0; i < wanted; i++) {
            if (report[i] == null) report[i] = new byte[PART_BYTES];
        }
        return report;
    }

    /** Says how much is held now. */
    void holds(long units) throws Exception {
        held = units;
        if (progress == null) return;
        progress.seek(0);
        progress.write(String.format("%020d\n", units).getBytes());
    }
}
