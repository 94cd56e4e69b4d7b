import java.util.HashMap;
import java.util.Map;

/** StaticMap: a static map of what was asked for, never cleared, in a heap that rises and falls with
 * reports. RATE in bytes. */
final class StaticMap {
    private static final Map<Long, byte[]> ANSWERS = new HashMap<>();
    /** The header of an array, a boxed key, an entry and its place in the table. */
    private static final int OVERHEAD = 16 + 16 + 32 + 8;

    public static void main(String[] arguments) throws Exception {
        Real real = new Real(150e3);
        long number = 0;
        while (real.step()) {
            real.report();
            for (double due = real.due(); due > 0; ) {
                byte[] answer = new byte[500 + real.random.nextInt(2000)];
                ANSWERS.put(number++, answer);
                long taken = answer.length + OVERHEAD;
                real.holds(real.held + taken);
                due -= taken;
            }
        }
    }
}
