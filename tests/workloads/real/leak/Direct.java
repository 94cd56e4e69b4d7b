import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Direct: buffers outside the heap, held by small objects that nobody lets go, so that the collector
 * sees little reason to work. RATE in bytes. */
final class Direct {
    private static final List<ByteBuffer> BUFFERS = new ArrayList<>();
    private static final int PAGE = 4096;

    public static void main(String[] arguments) throws Exception {
        Real real = new Real(100e3);
        while (real.step()) {
            for (double due = real.due(); due > 0; ) {
                ByteBuffer buffer = ByteBuffer.allocateDirect(20_000 + real.random.nextInt(60_000));
                for (int at = 0; at < buffer.capacity(); at += PAGE) buffer.put(at, (byte) 1);
                BUFFERS.add(buffer);
                real.holds(real.held + buffer.capacity());
                due -= buffer.capacity();
            }
        }
    }
}
