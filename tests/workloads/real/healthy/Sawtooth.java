import java.util.ArrayDeque;

/** Sawtooth: the last answers, of which the oldest go, in a heap that rises and falls with reports.
 * RATE in bytes of answers a second. */
final class Sawtooth {
    private static final long KEPT_BYTES = 15_000_000;

    public static void main(String[] arguments) throws Exception {
        Real real = new Real(150e3);
        ArrayDeque<byte[]> recent = new ArrayDeque<>();
        double made = 0;
        long held = 0;
        while (real.step()) {
            real.report();
            while (made < real.rate * real.elapsed()) {
                byte[] answer = new byte[500 + real.random.nextInt(2000)];
                recent.add(answer);
                made += answer.length;
                held += answer.length;
                while (held > KEPT_BYTES) held -= recent.remove().length;
            }
            real.holds(held);
        }
    }
}
